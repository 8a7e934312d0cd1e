"""Of which comment an edit, an objection or a report was that counts for limits, to be forgotten with it."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""What it counts is forgotten by its age alone, within an hour or the longest window of a site."""

_IS_ABOUT_ANOTHER = sa.text("about_id IS NOT NULL")


def upgrade() -> None:
    """Add the column, and an index of those that have it."""
    op.add_column("recent_posts", sa.Column("about_id", sa.Uuid(as_uuid=False)))
    op.create_index(
        "ix_recent_posts_about_id",
        "recent_posts",
        ["about_id"],
        sqlite_where=_IS_ABOUT_ANOTHER,
        postgresql_where=_IS_ABOUT_ANOTHER,
    )


def downgrade() -> None:
    """Forget what they were about; they count for limits as before."""
    op.drop_index("ix_recent_posts_about_id", "recent_posts")
    op.drop_column("recent_posts", "about_id")
