"""One queue of deliveries: the messages become rows of it, and so do the log-ins whose mail is due."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

previous_version_may_run = False

_ID = sa.Uuid(as_uuid=False)
_TIME = sa.DateTime(timezone=True)
_deliveries = sa.table(
    "deliveries",
    sa.column("id", _ID),
    sa.column("kind", sa.String),
    sa.column("person_id", _ID),
    sa.column("reference", sa.Text),
    sa.column("message_id", sa.Text),
    sa.column("state", sa.String),
    sa.column("created_at", _TIME),
    sa.column("sent_at", _TIME),
    sa.column("attempts", sa.Integer),
    sa.column("next_attempt_at", _TIME),
    sa.column("last_error", sa.Text),
    sa.column("shortened", sa.Boolean),
    sa.column("lease_token", sa.String),
    sa.column("lease_until", _TIME),
)
_logins = sa.table(
    "logins",
    sa.column("id", _ID),
    sa.column("person_id", _ID),
    sa.column("requested_at", _TIME),
    sa.column("next_attempt_at", _TIME),
    sa.column("attempts", sa.Integer),
    sa.column("sent_at", _TIME),
    sa.column("given_up_at", _TIME),
    sa.column("last_error", sa.Text),
    sa.column("lease_token", sa.String),
    sa.column("lease_until", _TIME),
)
_MOVED = ("next_attempt_at", "attempts", "last_error", "lease_token", "lease_until")
_RENAMED = {"fixed": "waiting", "dissolved": "superseded"}


def upgrade() -> None:
    """Rename the table, so that the notifications, which refer to it, stay as they are; then move the log-ins."""
    op.drop_index("ix_messages_person_id_state", "messages")
    op.rename_table("messages", "deliveries")
    op.add_column("deliveries", sa.Column("kind", sa.String(32), nullable=False, server_default="moderation"))
    op.add_column("deliveries", sa.Column("reference", sa.Text()))
    op.add_column("deliveries", sa.Column("next_attempt_at", _TIME))
    op.add_column("deliveries", sa.Column("lease_token", sa.String(32)))
    op.add_column("deliveries", sa.Column("lease_until", _TIME))
    for old, new in _RENAMED.items():
        op.execute(sa.update(_deliveries).where(_deliveries.c.state == old).values(state=new))
    op.create_index("ix_deliveries_person_id_state", "deliveries", ["person_id", "state"])
    is_waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["kind", "next_attempt_at"],
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )
    _move_logins()
    op.drop_index("ix_logins_sent_at_next_attempt_at", "logins")
    for name in (*_MOVED, "sent_at", "given_up_at"):
        op.drop_column("logins", name)


def _move_logins() -> None:
    """Let the mails that are due be deliveries, with the leases of whoever may be sending them."""
    connection = op.get_bind()
    due = sa.select(_logins).where(
        _logins.c.person_id.is_not(None), _logins.c.sent_at.is_(None), _logins.c.given_up_at.is_(None)
    )
    rows = [
        {
            "id": row.id,
            "kind": "login",
            "person_id": row.person_id,
            "reference": row.id,
            "message_id": f"login.{row.id}",
            "state": "waiting",
            "created_at": row.requested_at,
            "shortened": False,
        }
        | {name: getattr(row, name) for name in _MOVED}
        for row in connection.execute(due)
    ]
    if rows:
        connection.execute(sa.insert(_deliveries), rows)


def downgrade() -> None:
    """Give the messages and the log-ins their tables back, with all that is due; other kinds are forgotten."""
    connection = op.get_bind()
    op.add_column("logins", sa.Column("next_attempt_at", _TIME))
    op.add_column("logins", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("logins", sa.Column("sent_at", _TIME))
    op.add_column("logins", sa.Column("given_up_at", _TIME))
    op.add_column("logins", sa.Column("last_error", sa.Text()))
    op.add_column("logins", sa.Column("lease_token", sa.String(32)))
    op.add_column("logins", sa.Column("lease_until", _TIME))
    settled = sa.update(_logins).values(next_attempt_at=_logins.c.requested_at, sent_at=_logins.c.requested_at)
    connection.execute(settled)
    due = sa.select(_deliveries).where(_deliveries.c.kind == "login", _deliveries.c.state == "waiting")
    for row in connection.execute(due).all():
        values = {name: getattr(row, name) for name in _MOVED}
        connection.execute(sa.update(_logins).where(_logins.c.id == row.reference).values(sent_at=None, **values))
    with op.batch_alter_table("logins") as batch:
        batch.alter_column("next_attempt_at", nullable=False, existing_type=_TIME)
        batch.alter_column("attempts", server_default=None, existing_type=sa.Integer())
    op.create_index("ix_logins_sent_at_next_attempt_at", "logins", ["sent_at", "next_attempt_at"])
    connection.execute(sa.delete(_deliveries).where(_deliveries.c.kind != "moderation"))
    for old, new in _RENAMED.items():
        op.execute(sa.update(_deliveries).where(_deliveries.c.state == new).values(state=old))
    op.drop_index("ix_deliveries_waiting", "deliveries")
    op.drop_index("ix_deliveries_person_id_state", "deliveries")
    for name in ("kind", "reference", "next_attempt_at", "lease_token", "lease_until"):
        op.drop_column("deliveries", name)
    op.rename_table("deliveries", "messages")
    op.create_index("ix_messages_person_id_state", "messages", ["person_id", "state"])
