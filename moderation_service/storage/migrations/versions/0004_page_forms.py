"""By which rule a page's address was told apart, and where its comments move when the rule has changed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

previous_version_may_run = True

_UNCHECKED = sa.text("form IS NULL")
_MOVING = sa.text("moves_to IS NOT NULL")


def upgrade() -> None:
    """Add two empty columns; what stands in them is worked out by a job in batches, beside all else."""
    op.add_column("pages", sa.Column("form", sa.SmallInteger(), nullable=True))
    op.add_column("pages", sa.Column("moves_to", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_pages_unchecked",
        "pages",
        ["id"],
        unique=False,
        sqlite_where=_UNCHECKED,
        postgresql_where=_UNCHECKED,
    )
    op.create_index(
        "ix_pages_moving",
        "pages",
        ["moves_to"],
        unique=False,
        sqlite_where=_MOVING,
        postgresql_where=_MOVING,
    )
