"""Comments that services outside are asked about before moderators are notified."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It leaves notifications that are held alone, which this version releases; it asks and reports nothing."""


def upgrade() -> None:
    """Add a table that is empty as long as no site asks services outside."""
    op.create_table(
        "outside_checks",
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reported", sa.String(length=4)),
        sa.Column("network_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name="fk_outside_checks_comment_id"),
        sa.PrimaryKeyConstraint("comment_id", name="pk_outside_checks"),
    )
    op.create_index("ix_outside_checks_created_at", "outside_checks", ["created_at"])
    is_to_check = sa.text("next_at IS NOT NULL")
    op.create_index(
        "ix_outside_checks_next_at",
        "outside_checks",
        ["next_at"],
        sqlite_where=is_to_check,
        postgresql_where=is_to_check,
    )


def downgrade() -> None:
    """Let moderators be notified of what is held, and forget what was asked."""
    op.execute("UPDATE promises SET state = 'waiting' WHERE state = 'held'")
    op.drop_table("outside_checks")
