"""Authors' objections, the addresses of those who reported, and notices that were held back."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It shows a comment that came back by an objection without its words, and mails nobody about a report."""


def upgrade() -> None:
    """Add the columns, and the table of reporters."""
    op.add_column("comments", sa.Column("objection", sa.Text()))
    op.add_column("comments", sa.Column("objected_at", sa.DateTime(timezone=True)))
    op.add_column("notices", sa.Column("held_at", sa.DateTime(timezone=True)))
    op.create_table(
        "reporters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("comment_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("address_hash", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True)),
        sa.Column("outcome_mail", sa.Uuid()),
        sa.PrimaryKeyConstraint("id", name="pk_reporters"),
    )
    op.create_index("ix_reporters_report_id", "reporters", ["report_id"])
    op.create_index("ix_reporters_comment_id", "reporters", ["comment_id"])
    op.create_index("ix_reporters_address_hash", "reporters", ["address_hash"])
    op.create_index("ix_reporters_site_id_created_at", "reporters", ["site_id", "created_at"])


def downgrade() -> None:
    """Drop them: nobody who reported is mailed any more."""
    op.drop_table("reporters")
    for table, column in (("notices", "held_at"), ("comments", "objected_at"), ("comments", "objection")):
        op.drop_column(table, column)
