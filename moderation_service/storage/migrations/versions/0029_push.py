"""Push: which notifications are told of by it, and when each person was told last."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""What comes in by it is told of by mail alone."""

_TO_PUSH = sa.and_(sa.text("push = 'waiting'"), sa.column("quiet", sa.Boolean()) == sa.false())
_PUSHED = sa.text("push_id IS NOT NULL")


def upgrade() -> None:
    """Add the columns, and the indexes by which it is found what is to be told of."""
    op.add_column("promises", sa.Column("push", sa.String(length=16)))
    op.add_column("promises", sa.Column("push_id", sa.Uuid(as_uuid=False)))
    op.add_column("people", sa.Column("pushed_at", sa.DateTime(timezone=True)))
    op.add_column("people", sa.Column("unanswered_pushes", sa.Integer(), server_default="0", nullable=False))
    op.create_index(
        "ix_promises_to_push",
        "promises",
        ["person_id", "comment_id"],
        sqlite_where=_TO_PUSH,
        postgresql_where=_TO_PUSH,
    )
    op.create_index("ix_promises_push_id", "promises", ["push_id"], sqlite_where=_PUSHED, postgresql_where=_PUSHED)


def downgrade() -> None:
    """Drop them, and what was to be sent."""
    pushes = "SELECT id FROM deliveries WHERE kind = 'push'"
    op.execute(f"UPDATE promises SET message_id = NULL WHERE message_id IN ({pushes})")  # noqa: S608 - no value
    op.execute("DELETE FROM deliveries WHERE kind = 'push'")
    op.drop_index("ix_promises_push_id", "promises")
    op.drop_index("ix_promises_to_push", "promises")
    op.drop_column("people", "unanswered_pushes")
    op.drop_column("people", "pushed_at")
    op.drop_column("promises", "push_id")
    op.drop_column("promises", "push")
