"""Decisions on all that a filter matches: how far each has come, and what it decided, so that it can be undone."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

previous_version_may_run = True


def upgrade() -> None:
    """Create two tables; nothing that is there is touched."""
    op.create_table(
        "bulks",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("person_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("site_id", sa.String(length=80), nullable=True),
        sa.Column("position", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("undone", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_bulks_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_bulks"),
    )
    op.create_index("ix_bulks_person_id_created_at", "bulks", ["person_id", "created_at"], unique=False)
    op.create_index("ix_bulks_state", "bulks", ["state"], unique=False)
    op.create_table(
        "bulk_items",
        sa.Column("bulk_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("comment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["bulk_id"], ["bulks.id"], name="fk_bulk_items_bulk_id"),
        sa.PrimaryKeyConstraint("bulk_id", "site_id", "comment_id", name="pk_bulk_items"),
    )
