"""How long sites keep what they no longer need, and comments of which nothing is left but that they were."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It deletes nothing by these rules, and meets no erased comment in the week before the first is erased."""

_DISPOSABLE = sa.text("status IN ('rejected', 'spam')")


def upgrade() -> None:
    """Add the table, and an index of the comments that may be deleted some time."""
    op.create_table(
        "retention_rules",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("days", sa.Integer()),
        sa.Column("former_days", sa.Integer()),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_until", sa.DateTime(timezone=True)),
        sa.Column("deleted", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("site_id", "kind", name="pk_retention_rules"),
    )
    op.create_index(
        "ix_comments_disposable",
        "comments",
        ["site_id", "status", "changed_at"],
        sqlite_where=_DISPOSABLE,
        postgresql_where=_DISPOSABLE,
    )


def downgrade() -> None:
    """Drop both; an erased comment stands as one that its author withdrew, without a text."""
    op.execute("UPDATE comments SET status = 'withdrawn' WHERE status = 'erased'")
    op.drop_index("ix_comments_disposable", "comments")
    op.drop_table("retention_rules")
