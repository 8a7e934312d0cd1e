"""Addresses that authors proved, the notices that they asked for, and what was published by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It asks for no proof and publishes nothing by itself; what a rule decided it takes for a command's decision."""


def upgrade() -> None:
    """Add what is known of addresses, and by which rule something was decided."""
    op.add_column("comments", sa.Column("proved_at", sa.DateTime(timezone=True)))
    op.add_column("decisions", sa.Column("rule", sa.String(length=64)))
    op.add_column("promises", sa.Column("afterwards", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "subscriptions",
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("notice", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("comment_id", "notice", name="pk_subscriptions"),
        sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name="fk_subscriptions_comment_id"),
    )
    op.create_table(
        "notices",
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("about_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("comment_id", "about_id", name="pk_notices"),
    )
    op.create_table(
        "author_mails",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("address_hash", sa.String(length=32), nullable=False),
        sa.Column("network_hash", sa.String(length=32)),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_author_mails"),
    )
    for columns in (["comment_id"], ["address_hash", "at"], ["network_hash", "at"], ["site_id", "at"], ["at"]):
        op.create_index("_".join(["ix_author_mails", *columns]), "author_mails", columns)


def downgrade() -> None:
    """Forget all of that."""
    for table in ("author_mails", "notices", "subscriptions"):
        op.drop_table(table)
    op.drop_column("promises", "afterwards")
    op.drop_column("decisions", "rule")
    op.drop_column("comments", "proved_at")
