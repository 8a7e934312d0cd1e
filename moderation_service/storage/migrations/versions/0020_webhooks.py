"""Webhooks: deliveries that go to no person, and how far each webhook has come."""

import sqlalchemy as sa
from alembic import op

from moderation_service.storage.engine.columns import let_be_null, require_value

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It sends nothing to webhooks and leaves their deliveries alone."""

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Let deliveries go to recipients that are no people."""
    let_be_null(op.get_bind(), "deliveries", "person_id")
    op.add_column("deliveries", sa.Column("recipient", sa.String(130)))
    has_recipient = sa.text("recipient IS NOT NULL")
    op.create_index(
        "ix_deliveries_recipient",
        "deliveries",
        ["recipient", "state", "next_attempt_at"],
        sqlite_where=has_recipient,
        postgresql_where=has_recipient,
    )
    op.create_table(
        "webhooks",
        sa.Column("recipient", sa.String(130), nullable=False),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("posted_at", _TIME),
        sa.Column("failing_since", _TIME),
        sa.Column("last_error", sa.Text()),
        sa.Column("ended", sa.String(16)),
        sa.Column("ended_at", _TIME),
        sa.PrimaryKeyConstraint("recipient", name="pk_webhooks"),
    )


def downgrade() -> None:
    """Forget what goes to webhooks."""
    op.drop_table("webhooks")
    op.drop_index("ix_deliveries_recipient", "deliveries")
    op.execute(sa.text("DELETE FROM deliveries WHERE recipient IS NOT NULL"))
    op.drop_column("deliveries", "recipient")
    require_value(op.get_bind(), "deliveries", "person_id")
