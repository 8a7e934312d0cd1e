"""The desk: log-ins by mail, sessions, who looked at whole addresses, and comments by their last decision."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the desk."""
    _logins()
    _sessions()
    _address_views()
    _decided()


def _logins() -> None:
    """Create the log-ins that were asked for."""
    op.create_table(
        "logins",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("person_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("network_hash", sa.String(length=32), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_logins_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_logins"),
    )
    op.create_index("ix_logins_requested_at", "logins", ["requested_at"], unique=False)
    op.create_index(
        "ix_logins_network_hash_requested_at", "logins", ["network_hash", "requested_at"], unique=False
    )
    op.create_index("ix_logins_person_id_requested_at", "logins", ["person_id", "requested_at"], unique=False)
    op.create_index("ix_logins_sent_at_next_attempt_at", "logins", ["sent_at", "next_attempt_at"], unique=False)


def _sessions() -> None:
    """Create the sessions that they open."""
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("person_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_sessions_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_opened_at", "sessions", ["opened_at"], unique=False)


def _address_views() -> None:
    """Create the record of who looked at a whole address."""
    op.create_table(
        "address_views",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("moderator_id", sa.String(length=64), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name="fk_address_views_comment_id"),
        sa.PrimaryKeyConstraint("id", name="pk_address_views"),
    )
    op.create_index("ix_address_views_comment_id", "address_views", ["comment_id"], unique=False)


def _decided() -> None:
    """Create an index of comments by their last decision."""
    decided = sa.text("status != 'pending'")
    op.create_index(
        "ix_comments_decided",
        "comments",
        ["site_id", "changed_at"],
        unique=False,
        sqlite_where=decided,
        postgresql_where=decided,
    )
