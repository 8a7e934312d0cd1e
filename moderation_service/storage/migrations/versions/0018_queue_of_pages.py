"""The queue of one page in the order of suspicion."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It does not ask for that order."""


def upgrade() -> None:
    """Add an index for what waits of a page."""
    waits = sa.text("status = 'pending'")
    op.create_index(
        "ix_comments_page_queue",
        "comments",
        ["site_id", "page_id", "suspicion", "id"],
        sqlite_where=waits,
        postgresql_where=waits,
    )


def downgrade() -> None:
    """Take the index away."""
    op.drop_index("ix_comments_page_queue", "comments")
