"""When and by what means people want to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It tells everybody at once, by mail alone."""


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "notification_settings",
        sa.Column("person_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("schedule", sa.String(length=16), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("quiet_from", sa.Integer()),
        sa.Column("quiet_until", sa.Integer()),
        sa.Column("away_until", sa.String(length=10)),
        sa.Column("ways", sa.String(length=16), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_notification_settings"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_notification_settings_person_id_people"),
    )


def downgrade() -> None:
    """Forget what people have chosen."""
    op.drop_table("notification_settings")
