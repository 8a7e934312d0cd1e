"""Which versions may run on the schema, so that an upgrade can be taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

previous_version_may_run = True


def upgrade() -> None:
    """Create the table; what stands in it is written after every migration."""
    op.create_table(
        "schema_compatibility",
        sa.Column("oldest", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("oldest", name="pk_schema_compatibility"),
    )
