"""Readers' reports of published comments, and where these stand in the queue."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It shows no reports, and what it decides closes none: they stay in the queue."""

_IS_REPORTED = sa.text("status = 'approved' AND report_place IS NOT NULL")


def upgrade() -> None:
    """Add the table, and the column with its index."""
    op.create_table(
        "reports",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("explanation", sa.Text()),
        sa.Column("reporter_name", sa.Text()),
        sa.Column("address_sealed", sa.LargeBinary()),
        sa.Column("address_hash", sa.String(length=32)),
        sa.Column("network_hash", sa.String(length=32)),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("is_suspect", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.String(length=16)),
        sa.Column("means", sa.String(length=16)),
        sa.Column("decision_number", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
        sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name="fk_reports_comment_id"),
    )
    op.create_index("ix_reports_comment_id", "reports", ["comment_id"])
    op.create_index("ix_reports_site_id_created_at", "reports", ["site_id", "created_at"])
    op.create_index("ix_reports_address_hash", "reports", ["address_hash"])
    op.add_column("comments", sa.Column("report_place", sa.SmallInteger()))
    op.create_index(
        "ix_comments_reported",
        "comments",
        ["site_id", "report_place", "id"],
        sqlite_where=_IS_REPORTED,
        postgresql_where=_IS_REPORTED,
    )


def downgrade() -> None:
    """Forget the reports."""
    op.drop_index("ix_comments_reported", "comments")
    op.drop_column("comments", "report_place")
    op.drop_table("reports")
