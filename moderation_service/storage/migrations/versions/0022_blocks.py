"""Blocks, and from which client network each comment came."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It refuses nobody who is blocked, and does not say from which networks its comments come."""


def upgrade() -> None:
    """Add both tables; nobody is blocked, and the networks of comments from before are not known."""
    op.create_table(
        "comment_networks",
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("network_hash", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("comment_id", name="pk_comment_networks"),
    )
    op.create_index("ix_comment_networks_site_id_created_at", "comment_networks", ["site_id", "created_at"])
    op.create_table(
        "blocks",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("value_sealed", sa.LargeBinary()),
        sa.Column("value_hash", sa.String(length=32)),
        sa.Column("reason", sa.Text()),
        sa.Column("means", sa.String(length=16), nullable=False),
        sa.Column("moderator_id", sa.String(length=64)),
        sa.Column("actor_name", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_blocks"),
    )
    op.create_index("ix_blocks_site_id_id", "blocks", ["site_id", "id"])
    op.create_index("ix_blocks_ends_at", "blocks", ["ends_at"])


def downgrade() -> None:
    """Forget both."""
    op.drop_table("blocks")
    op.drop_table("comment_networks")
