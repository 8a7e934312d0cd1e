"""Answers of sites to comments."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It shows an answer as a comment by somebody who is called as the site is, and takes it for one to learn from."""


def upgrade() -> None:
    """Add the columns; no site has answered so far."""
    op.add_column("comments", sa.Column("by_site", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("decisions", sa.Column("answer_id", sa.Uuid(as_uuid=False)))


def downgrade() -> None:
    """Forget which comments are answers of a site; they stay."""
    op.drop_column("decisions", "answer_id")
    op.drop_column("comments", "by_site")
