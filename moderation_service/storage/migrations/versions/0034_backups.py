"""Which backups the command made, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""Backups that it makes are not in the list."""


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "backups",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backups"),
    )


def downgrade() -> None:
    """Forget which there are."""
    op.drop_table("backups")
