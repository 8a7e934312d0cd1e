"""Reminders, and probable spam that announces itself to nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DUE = sa.text("state = 'waiting' AND NOT quiet")
_DUE_IN_SQLITE = sa.text("state = 'waiting' AND quiet = 0")
_PARKED = sa.text("state = 'parked'")


def upgrade() -> None:
    """Add what was reminded of and when; the added columns have defaults, so no table is copied."""
    op.add_column("people", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("promises", sa.Column("quiet", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("promises", sa.Column("reminders", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "ix_promises_due",
        "promises",
        ["person_id"],
        unique=False,
        sqlite_where=_DUE_IN_SQLITE,
        postgresql_where=_DUE,
    )
    op.create_index(
        "ix_promises_parked",
        "promises",
        ["person_id"],
        unique=False,
        sqlite_where=_PARKED,
        postgresql_where=_PARKED,
    )
