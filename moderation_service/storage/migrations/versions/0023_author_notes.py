"""What moderators note about authors, and an author's comments by the newest."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It knows of no notes, and finds an address by the longer index as well."""


def upgrade() -> None:
    """Add the table, and give the index of addresses the order of comments."""
    op.create_index("ix_contacts_address_hash_comment_id", "contacts", ["address_hash", "comment_id"])
    op.drop_index("ix_contacts_address_hash", "contacts")
    op.create_table(
        "author_notes",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("address_hash", sa.String(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("moderator_id", sa.String(length=64)),
        sa.Column("actor_name", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_author_notes"),
    )
    op.create_index("ix_author_notes_address_hash_site_id", "author_notes", ["address_hash", "site_id"])


def downgrade() -> None:
    """Forget the notes."""
    op.drop_table("author_notes")
    op.create_index("ix_contacts_address_hash", "contacts", ["address_hash"])
    op.drop_index("ix_contacts_address_hash_comment_id", "contacts")
