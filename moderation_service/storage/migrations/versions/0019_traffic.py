"""What limits a wide network, what texts are alike, and how much a site gets."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""Its posts do not count for wide networks, and neither for a site's traffic; its comments are alike to none."""


def upgrade() -> None:
    """Add columns that say nothing of what is stored, and tables that are empty."""
    op.add_column("recent_posts", sa.Column("wide_network_hash", sa.String(length=32)))
    op.create_index(
        "ix_recent_posts_wide_network_hash_created_at", "recent_posts", ["wide_network_hash", "created_at"]
    )
    op.add_column("comments", sa.Column("text_group", sa.BigInteger()))
    is_alike = sa.text("status = 'pending' AND suspicion >= 1000 AND text_group IS NOT NULL")
    op.create_index(
        "ix_comments_alike",
        "comments",
        ["site_id", "text_group", "id"],
        sqlite_where=is_alike,
        postgresql_where=is_alike,
    )
    op.create_table(
        "traffic_reports",
        sa.Column("process_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("process_id", "site_id", name="pk_traffic_reports"),
    )
    op.create_index("ix_traffic_reports_at", "traffic_reports", ["at"])
    op.create_table(
        "site_traffic",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("usual", sa.Float(), nullable=False),
        sa.Column("periods", sa.Integer(), nullable=False),
        sa.Column("counted_until", sa.BigInteger(), nullable=False),
        sa.Column("attack_since", sa.DateTime(timezone=True)),
        sa.Column("calm_since", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("site_id", name="pk_site_traffic"),
    )


def downgrade() -> None:
    """Forget all of it."""
    op.drop_table("site_traffic")
    op.drop_table("traffic_reports")
    op.drop_index("ix_comments_alike", "comments")
    op.drop_column("comments", "text_group")
    op.drop_index("ix_recent_posts_wide_network_hash_created_at", "recent_posts")
    op.drop_column("recent_posts", "wide_network_hash")
