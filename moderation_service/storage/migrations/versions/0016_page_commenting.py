"""Pages that somebody closed or opened."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It takes comments on closed pages, and forgets its answers about pages that are closed or opened."""


def upgrade() -> None:
    """Add a column that is empty where a page goes by its site's rule, and what a site's pages are listed by."""
    op.add_column("pages", sa.Column("commenting", sa.String(length=8)))
    op.create_index("ix_pages_site_id_id", "pages", ["site_id", "id"])


def downgrade() -> None:
    """Leave all pages open."""
    op.drop_index("ix_pages_site_id_id", "pages")
    op.drop_column("pages", "commenting")
