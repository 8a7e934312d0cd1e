"""Why something was decided: the code of a reason."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It gives no reasons."""


def upgrade() -> None:
    """Add the column."""
    op.add_column("decisions", sa.Column("reason", sa.String(length=64)))


def downgrade() -> None:
    """Forget the reasons."""
    op.drop_column("decisions", "reason")
