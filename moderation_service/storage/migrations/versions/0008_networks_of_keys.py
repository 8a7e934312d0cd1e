"""From which client network an idempotency key came: only there it is answered as before."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

previous_version_may_run = True


def upgrade() -> None:
    """Add an empty column; a key that is stored already is answered to every network until it is forgotten."""
    op.add_column("idempotency_keys", sa.Column("network_hash", sa.String(length=32), nullable=True))
