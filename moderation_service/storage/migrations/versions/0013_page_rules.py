"""Each site's rules for pages, the addresses that its pages had before, and changes that are updates."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""It stores pages with an older `form`, from which they are brought along, and knows nothing of aliases."""


def upgrade() -> None:
    """Add what is worked out by a job in stretches, beside all else."""
    op.create_table(
        "page_rules",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("form", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", name="pk_page_rules"),
    )
    op.create_table(
        "page_aliases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("moves_to", sa.Uuid(), nullable=False),
        sa.Column("form", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_page_aliases"),
    )
    op.create_index("ix_page_aliases_site_id_number", "page_aliases", ["site_id", "number"])
    op.create_index("ix_page_aliases_moves_to", "page_aliases", ["moves_to"])
    op.add_column("comments", sa.Column("updated_number", sa.BigInteger()))
    op.create_index("ix_pages_site_id_form", "pages", ["site_id", "form"])
    op.drop_index("ix_pages_unchecked", "pages")


def downgrade() -> None:
    """Forget the aliases, and let the older version ask its own rule about every page again."""
    op.execute("UPDATE pages SET form = NULL")
    is_unchecked = sa.text("form IS NULL")
    op.create_index(
        "ix_pages_unchecked", "pages", ["id"], sqlite_where=is_unchecked, postgresql_where=is_unchecked
    )
    op.drop_index("ix_pages_site_id_form", "pages")
    op.drop_column("comments", "updated_number")
    op.drop_table("page_aliases")
    op.drop_table("page_rules")
