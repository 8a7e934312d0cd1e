"""Eras of the change feed, by which its readers notice that a database was restored."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

previous_version_may_run = True


def upgrade() -> None:
    """Create the table; the first era of a site is opened when the service starts."""
    op.create_table(
        "change_eras",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.String(length=32), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "first", name="pk_change_eras"),
    )
