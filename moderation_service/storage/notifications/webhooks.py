"""How far each webhook has come, and how it stands."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.schema import change_counters, deliveries, webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookState:
    """A webhook on disk; `last_error` holds a receiver's words. Once it has `ended` it gets nothing."""

    recipient: str
    site_id: str
    target: str
    position: int
    posted_at: datetime | None
    failing_since: datetime | None
    last_error: str | None
    ended: str | None
    ended_at: datetime | None


_NAMES = tuple(WebhookState.__dataclass_fields__)
_COLUMNS = tuple(webhooks.c[name] for name in _NAMES)


async def all_of(connection: Connection) -> dict[str, tuple[WebhookState, int]]:
    """Return every webhook that was ever listed, each with the newest change number of its site."""
    head = func.coalesce(change_counters.c.number, 0)
    query = select(*_COLUMNS, head.label("head")).outerjoin(
        change_counters, change_counters.c.site_id == webhooks.c.site_id
    )
    rows = await connection.execute(query)
    return {row.recipient: (_state(row), row.head) for row in rows}


async def get(connection: Connection, recipient: str, *, lock: bool = False) -> WebhookState | None:
    """Return a webhook; with `lock` nobody else moves it until the commit."""
    query = select(*_COLUMNS).where(webhooks.c.recipient == recipient)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    return None if row is None else _state(row)


async def begin(connection: Connection, recipient: str, *, site_id: str, target: str) -> None:
    """Know a webhook from now on; one with another target than before begins anew where it stands."""
    head = select(change_counters.c.number).where(change_counters.c.site_id == site_id).scalar_subquery()
    statement = insert(connection, webhooks).values(
        recipient=recipient, site_id=site_id, target=target, position=func.coalesce(head, 0)
    )
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[webhooks.c.recipient],
            set_={"target": target, "failing_since": None, "last_error": None, "ended": None, "ended_at": None},
            where=webhooks.c.target != target,
        )
    )


async def write(connection: Connection, recipient: str, **values: object) -> None:
    """Write how a webhook stands."""
    await connection.execute(update(webhooks).where(webhooks.c.recipient == recipient).values(**values))


async def any_parked(connection: Connection, recipients: Collection[str]) -> bool:
    """Tell whether some of these webhooks have ended, or were refused something for good."""
    ended = select(webhooks.c.recipient).where(webhooks.c.recipient.in_(recipients), webhooks.c.ended.is_not(None))
    parked = select(deliveries.c.recipient).where(
        deliveries.c.recipient.in_(recipients), deliveries.c.state == DeliveryState.PARKED
    )
    return (await connection.execute(ended.union_all(parked).limit(1))).first() is not None


def _state(row: Any) -> WebhookState:
    return WebhookState(**{name: getattr(row, name) for name in _NAMES})
