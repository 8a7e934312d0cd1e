"""Edits of published comments, which wait while readers see the old text; and texts that an undo brings back."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It takes an edit that waits for a report, and what it decides on it for a decision on the published text."""


def upgrade() -> None:
    """Add the table and the columns."""
    op.create_table(
        "revisions",
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("renderer", sa.Integer(), nullable=False),
        sa.Column("spam_score", sa.Integer(), nullable=False),
        sa.Column("spam_reasons", sa.Text(), nullable=False),
        sa.Column("reason_details", sa.Text()),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("spam_probability", sa.SmallInteger()),
        sa.Column("suspicion", sa.SmallInteger(), nullable=False),
        sa.Column("text_group", sa.BigInteger()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision_number", sa.Integer()),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("comment_id", "number", name="pk_revisions"),
        sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name="fk_revisions_comment_id"),
    )
    op.create_index("ix_revisions_decided_at", "revisions", ["decided_at"])
    op.add_column("comments", sa.Column("waiting_revision", sa.Integer()))
    op.add_column(
        "author_changes", sa.Column("of_published", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    """Forget the edits that wait; published texts stay as they are."""
    op.execute(
        "UPDATE comments SET report_place = NULL WHERE waiting_revision IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM reports WHERE reports.comment_id = comments.id AND reports.outcome IS NULL)"
    )
    op.drop_column("author_changes", "of_published")
    op.drop_column("comments", "waiting_revision")
    op.drop_table("revisions")
