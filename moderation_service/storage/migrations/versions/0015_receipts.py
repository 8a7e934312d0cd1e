"""Authors' receipts, and what authors did to their comments by them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It gives no receipts, and knows nothing of authors' edits, which it shows as they are.

Of `withdrawn` comments it knows as little: it cannot show one, nor count what was decided on the day of one.
"""


def upgrade() -> None:
    """Add the columns and the table; comments from before have no receipt."""
    op.add_column("comments", sa.Column("receipt_hash", sa.LargeBinary()))
    op.add_column("idempotency_keys", sa.Column("receipt_sealed", sa.LargeBinary()))
    op.create_table(
        "author_changes",
        sa.Column("comment_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name="fk_author_changes_comment_id"),
        sa.PrimaryKeyConstraint("comment_id", "revision", "action", name="pk_author_changes"),
    )


def downgrade() -> None:
    """Let what was withdrawn stand as rejected, with a line of history that the older version can read."""
    op.execute(
        "INSERT INTO decisions (comment_id, number, revision, decision, from_status, to_status, means, at) "
        "SELECT a.comment_id, "
        "coalesce((SELECT max(d.number) FROM decisions d WHERE d.comment_id = a.comment_id), 0) + 1, "
        "a.revision, 'reject', 'pending', 'rejected', 'api', a.at "
        "FROM author_changes a JOIN comments c ON c.id = a.comment_id "
        "WHERE a.action = 'withdraw' AND c.status = 'withdrawn'"
    )
    op.execute("UPDATE comments SET status = 'rejected' WHERE status = 'withdrawn'")
    op.drop_table("author_changes")
    op.drop_column("idempotency_keys", "receipt_sealed")
    op.drop_column("comments", "receipt_hash")
