"""Passages that moderators took out of comments: the mark of what is left, and the original beside it."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It takes a redaction for an approval, whose undo leaves the text as it is, and deletes originals after a day."""


def upgrade() -> None:
    """Add the columns."""
    for table in ("comments", "revisions"):
        op.add_column(table, sa.Column("redacted", sa.Boolean(), server_default=sa.false(), nullable=False))
    for table in ("decisions", "revisions"):
        op.add_column(table, sa.Column("redacted_as", sa.Integer()))


def downgrade() -> None:
    """Forget the originals and the marks; texts stay shortened."""
    op.execute("DELETE FROM revisions WHERE state = 'original'")
    for table in ("decisions", "revisions"):
        op.drop_column(table, "redacted_as")
    for table in ("comments", "revisions"):
        op.drop_column(table, "redacted")
