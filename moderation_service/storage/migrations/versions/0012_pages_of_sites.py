"""An index that finds the pages of a site with comments that everybody may read."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

previous_version_may_run = True


def upgrade() -> None:
    """Add the index."""
    is_public = sa.text("status = 'approved'")
    op.create_index(
        "ix_comments_public",
        "comments",
        ["site_id", "page_id"],
        sqlite_where=is_public,
        postgresql_where=is_public,
    )


def downgrade() -> None:
    """Do without it."""
    op.drop_index("ix_comments_public", "comments")
