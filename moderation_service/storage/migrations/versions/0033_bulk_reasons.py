"""Why all that a filter matched was rejected: the code of a reason."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""What it works off of a decision on all that match has no reason."""


def upgrade() -> None:
    """Add the column."""
    op.add_column("bulks", sa.Column("reason", sa.String(length=64)))


def downgrade() -> None:
    """Forget the reasons; the histories of comments keep theirs."""
    op.drop_column("bulks", "reason")
