"""What became of comments of other systems."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It shows and moderates what was imported as any other comment; its audit misses a history of it."""


def upgrade() -> None:
    """Add the table; nothing was imported so far."""
    op.create_table(
        "imported_comments",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("root_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "source", "source_id", name="pk_imported_comments"),
    )
    op.create_index("ix_imported_comments_comment_id", "imported_comments", ["comment_id"])


def downgrade() -> None:
    """Forget it; the comments stay."""
    op.drop_table("imported_comments")
