"""What screening says of a comment, and what the learned score of each site is made of."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""Its comments stand among the honest ones, and what is decided with it is not learned from."""

_SUSPECTS = """
    UPDATE comments SET verdict = 'suspect', suspicion = 1999 WHERE status = 'pending' AND spam_score >= 5
"""


def upgrade() -> None:
    """Add columns that say nothing of stored comments, but for those that wait as probable spam."""
    op.add_column("comments", sa.Column("reason_details", sa.Text()))
    op.add_column("comments", sa.Column("verdict", sa.String(length=8), nullable=False, server_default="pending"))
    op.add_column("comments", sa.Column("spam_probability", sa.SmallInteger()))
    op.add_column("comments", sa.Column("suspicion", sa.SmallInteger(), nullable=False, server_default="0"))
    op.get_bind().execute(sa.text(_SUSPECTS))
    waits = sa.text("status = 'pending'")
    op.create_index(
        "ix_comments_queue",
        "comments",
        ["site_id", "suspicion", "id"],
        sqlite_where=waits,
        postgresql_where=waits,
    )
    op.create_table(
        "unlearned",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "comment_id", name="pk_unlearned"),
    )
    op.create_index("ix_unlearned_site_id_at", "unlearned", ["site_id", "at"])
    op.create_table(
        "score_lessons",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("is_added", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lesson", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "number", name="pk_score_lessons"),
    )
    op.create_index("ix_score_lessons_comment_id", "score_lessons", ["comment_id"])
    op.create_index("ix_score_lessons_at", "score_lessons", ["at"])
    op.create_table(
        "score_models",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("model", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("site_id", name="pk_score_models"),
    )


def downgrade() -> None:
    """Forget what was learned and what was said of comments."""
    for table in ("score_models", "score_lessons", "unlearned"):
        op.drop_table(table)
    op.drop_index("ix_comments_queue", "comments")
    for column in ("suspicion", "spam_probability", "verdict", "reason_details"):
        op.drop_column("comments", column)
