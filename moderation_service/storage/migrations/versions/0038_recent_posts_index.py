"""One index for all that is counted of recent posts, instead of three."""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

previous_version_may_run = True
"""What it counts it then looks for among all recent posts: slower, and right."""

_FORMER = {
    "ix_recent_posts_network_hash_created_at": "network_hash",
    "ix_recent_posts_fingerprint_created_at": "fingerprint",
    "ix_recent_posts_wide_network_hash_created_at": "wide_network_hash",
}


def upgrade() -> None:
    """Replace the indexes."""
    op.create_index(
        "ix_recent_posts_networks",
        "recent_posts",
        ["wide_network_hash", "network_hash", "fingerprint", "created_at"],
    )
    for name in _FORMER:
        op.drop_index(name, "recent_posts")


def downgrade() -> None:
    """Put the former ones back."""
    for name, column in _FORMER.items():
        op.create_index(name, "recent_posts", [column, "created_at"])
    op.drop_index("ix_recent_posts_networks", "recent_posts")
