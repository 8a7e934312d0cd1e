"""Clients' idempotency keys: whoever inserts the row first owns the comment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, tuple_

from moderation_service.domain.comments.comment import Draft
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import idempotency_keys

TABLE = idempotency_keys.name

_KEY = tuple_(idempotency_keys.c.site_id, idempotency_keys.c.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a key stands for; network and receipt are not known of a key that an older version stored."""

    comment_id: str
    fingerprint: str
    network_hash: str | None
    receipt_sealed: bytes | None
    created_at: datetime


async def claim(
    connection: Connection, drafts: Sequence[Draft], *, forget_before: datetime
) -> dict[tuple[str, str], Claim]:
    """Write the keys of drafts that have one, in order, and return who owns each.

    On PostgreSQL the insert waits for a transaction that has just written the same key.
    """
    firsts: dict[tuple[str, str], Draft] = {}
    for draft in drafts:
        if draft.idempotency is not None:
            firsts.setdefault((draft.page.site_id, draft.idempotency.key), draft)
    if not firsts:
        return {}
    wanted = sorted(firsts)
    await connection.execute(
        delete(idempotency_keys).where(_KEY.in_(wanted), idempotency_keys.c.created_at < forget_before)
    )
    await insert_rows(connection, idempotency_keys, [_row(firsts[key]) for key in wanted], new_only=True)
    return await _claims(connection, wanted, since=forget_before)


async def find(
    connection: Connection, drafts: Sequence[Draft], *, since: datetime
) -> dict[tuple[str, str], Claim]:
    """Return who owns the keys of drafts that somebody owns, and write nothing."""
    wanted = {(draft.page.site_id, draft.idempotency.key) for draft in drafts if draft.idempotency is not None}
    return await _claims(connection, sorted(wanted), since=since) if wanted else {}


async def _claims(
    connection: Connection, wanted: Sequence[tuple[str, str]], *, since: datetime
) -> dict[tuple[str, str], Claim]:
    rows = await connection.execute(
        select(idempotency_keys).where(_KEY.in_(wanted), idempotency_keys.c.created_at >= since)
    )
    return {
        (row.site_id, row.key): Claim(
            comment_id=row.comment_id,
            fingerprint=row.fingerprint,
            network_hash=row.network_hash,
            receipt_sealed=row.receipt_sealed,
            created_at=row.created_at,
        )
        for row in rows
    }


async def release(connection: Connection, keys: Sequence[tuple[str, str]]) -> None:
    """Forget keys whose comments were refused: only an accepted comment keeps its key."""
    await connection.execute(delete(idempotency_keys).where(_KEY.in_(keys)))


def _row(draft: Draft) -> dict[str, object]:
    assert draft.idempotency is not None  # noqa: S101 - only drafts with a key come here
    return {
        "site_id": draft.page.site_id,
        "key": draft.idempotency.key,
        "fingerprint": draft.idempotency.fingerprints[0],
        "network_hash": draft.idempotency.networks[0],
        "comment_id": draft.id,
        "receipt_sealed": draft.idempotency.receipt_sealed,
        "created_at": draft.created_at,
    }


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` keys that are too old to be asked for; return how many."""
    old = select(idempotency_keys.c.site_id, idempotency_keys.c.key).where(idempotency_keys.c.created_at < before)
    result = await connection.execute(delete(idempotency_keys).where(_KEY.in_(old.limit(most))))
    return result.rowcount
