"""Titles of pages that a moderator set."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

previous_version_may_run = True


def upgrade() -> None:
    """Add the columns, and what finds the pages that were renamed after a number."""
    op.add_column("pages", sa.Column("title", sa.Text()))
    op.add_column("pages", sa.Column("title_number", sa.BigInteger()))
    op.add_column("pages", sa.Column("title_at", sa.DateTime(timezone=True)))
    is_titled = sa.text("title_number IS NOT NULL")
    op.create_index(
        "ix_pages_titled",
        "pages",
        ["site_id", "title_number"],
        sqlite_where=is_titled,
        postgresql_where=is_titled,
    )
