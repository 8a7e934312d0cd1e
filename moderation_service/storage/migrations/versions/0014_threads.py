"""The first comment of each comment's thread, and the index by which threads are read."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It stores comments without a root, which this version adds a minute later."""

_FIRST = "UPDATE comments SET root_id = id WHERE parent_id IS NULL"
_BELOW = """
    UPDATE comments SET root_id = parents.root_id FROM comments AS parents
    WHERE parents.id = comments.parent_id AND comments.root_id IS NULL AND parents.root_id IS NOT NULL
"""
_OF_ERASED = """
    UPDATE comments SET root_id = parent_id
    WHERE root_id IS NULL AND NOT EXISTS (SELECT 1 FROM comments AS parents WHERE parents.id = comments.parent_id)
"""


def upgrade() -> None:
    """Work the roots out, one depth of answers after the other; an erased root stays the place of its answers."""
    op.add_column("comments", sa.Column("root_id", sa.Uuid(as_uuid=False)))
    is_rootless = sa.text("root_id IS NULL")
    op.create_index(
        "ix_comments_rootless", "comments", ["id"], sqlite_where=is_rootless, postgresql_where=is_rootless
    )
    connection = op.get_bind()
    connection.execute(sa.text(_FIRST))
    connection.execute(sa.text(_OF_ERASED))
    while connection.execute(sa.text(_BELOW)).rowcount:
        pass
    is_public = sa.text("status = 'approved'")
    op.create_index(
        "ix_comments_threads",
        "comments",
        ["page_id", "root_id", "id", "status"],
        sqlite_where=is_public,
        postgresql_where=is_public,
    )


def downgrade() -> None:
    """Forget the roots."""
    op.drop_index("ix_comments_threads", "comments")
    op.drop_index("ix_comments_rootless", "comments")
    op.drop_column("comments", "root_id")
