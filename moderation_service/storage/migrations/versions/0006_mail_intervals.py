"""How many messages in a row nobody answered by a decision, and the site's last decision."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

previous_version_may_run = True


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("people", sa.Column("unanswered", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("people", sa.Column("quiet_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "last_decisions",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("site_id", name="pk_last_decisions"),
    )
