"""The first schema: comments, contacts, decisions, changes, and the two tables of the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    _keys_and_counters()
    _traces_of_clients()
    _pages_and_contacts()
    _comments()
    _decisions()
    _people()
    _outbox()


def _keys_and_counters() -> None:
    """Create what the service itself counts and remembers."""
    op.create_table(
        "keys_in_use",
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_keys_in_use"),
    )
    op.create_table(
        "change_counters",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", name="pk_change_counters"),
    )


def _traces_of_clients() -> None:
    """Create what is soon forgotten: idempotency keys and recent posts."""
    op.create_table(
        "idempotency_keys",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "recent_posts",
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("network_hash", sa.String(length=32), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("comment_id", name="pk_recent_posts"),
    )
    op.create_index("ix_recent_posts_created_at", "recent_posts", ["created_at"], unique=False)
    op.create_index(
        "ix_recent_posts_fingerprint_created_at", "recent_posts", ["fingerprint", "created_at"], unique=False
    )
    op.create_index(
        "ix_recent_posts_network_hash_created_at",
        "recent_posts",
        ["network_hash", "created_at"],
        unique=False,
    )


def _pages_and_contacts() -> None:
    """Create pages, and the authors' addresses apart from all else."""
    op.create_table(
        "pages",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pages"),
    )
    op.create_table(
        "contacts",
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("address_hash", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("comment_id", name="pk_contacts"),
    )
    op.create_index("ix_contacts_address_hash", "contacts", ["address_hash"], unique=False)


def _comments() -> None:
    """Create comments, and the orders in which they are read."""
    op.create_table(
        "comments",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("page_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("page_title", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("author_url", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("renderer", sa.Integer(), nullable=False),
        sa.Column("spam_score", sa.Integer(), nullable=False),
        sa.Column("spam_reasons", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=True),
        sa.Column("change_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["page_id"], ["pages.id"], name="fk_comments_page_id"),
        sa.PrimaryKeyConstraint("id", name="pk_comments"),
    )
    op.create_index(
        "ix_comments_page_id_change_at",
        "comments",
        ["page_id", "change_at"],
        unique=False,
        sqlite_where=sa.text("change_number IS NOT NULL"),
        postgresql_where=sa.text("change_number IS NOT NULL"),
    )
    op.create_index("ix_comments_page_id_status_id", "comments", ["page_id", "status", "id"], unique=False)
    op.create_index(
        "ix_comments_site_id_change_number",
        "comments",
        ["site_id", "change_number"],
        unique=True,
        sqlite_where=sa.text("change_number IS NOT NULL"),
        postgresql_where=sa.text("change_number IS NOT NULL"),
    )
    op.create_index("ix_comments_site_id_status_id", "comments", ["site_id", "status", "id"], unique=False)


def _decisions() -> None:
    """Create the history of comments."""
    op.create_table(
        "decisions",
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("from_status", sa.String(length=16), nullable=False),
        sa.Column("to_status", sa.String(length=16), nullable=False),
        sa.Column("means", sa.String(length=16), nullable=False),
        sa.Column("moderator_id", sa.String(length=64), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name="fk_decisions_comment_id"),
        sa.PrimaryKeyConstraint("comment_id", "number", name="pk_decisions"),
    )


def _people() -> None:
    """Create whom to tell, one row for an address."""
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("address_hash", sa.String(length=32), nullable=False),
        sa.Column("last_message_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
    )
    op.create_index("ix_people_address_hash", "people", ["address_hash"], unique=False)


def _outbox() -> None:
    """Create the queued notifications, and the messages that hold them."""
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("person_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("shortened", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_messages_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
    )
    op.create_index("ix_messages_person_id_state", "messages", ["person_id", "state"], unique=False)
    op.create_table(
        "promises",
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("moderator_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name="fk_promises_comment_id"),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name="fk_promises_message_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_promises_person_id"),
        sa.PrimaryKeyConstraint("comment_id", "moderator_id", "revision", name="pk_promises"),
    )
    op.create_index("ix_promises_message_id", "promises", ["message_id"], unique=False)
    op.create_index(
        "ix_promises_waiting",
        "promises",
        ["person_id", "comment_id"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
