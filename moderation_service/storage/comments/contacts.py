"""Authors' addresses, apart from all else and encrypted. Nothing behind a public route reads this table."""

from collections.abc import Sequence

import structlog
from sqlalchemy import select

from moderation_service.domain.comments.comment import Draft
from moderation_service.domain.keys import KeyNotListedError, KeyRing
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import contacts

TABLE = contacts.name

_log = structlog.stdlib.get_logger(__name__)


async def add(connection: Connection, drafts: Sequence[Draft]) -> None:
    """Store the drafts' addresses, one row each."""
    await insert_rows(
        connection,
        contacts,
        [
            {
                "comment_id": draft.id,
                "address_sealed": draft.contact.sealed,
                "address_hash": draft.contact.address_hash,
            }
            for draft in drafts
        ],
    )


async def sealed(connection: Connection, comment_ids: Sequence[str]) -> dict[str, bytes]:
    """Return the addresses behind those comments that have one, encrypted as they are."""
    rows = await connection.execute(
        select(contacts.c.comment_id, contacts.c.address_sealed).where(contacts.c.comment_id.in_(comment_ids))
    )
    return {row.comment_id: row.address_sealed for row in rows if row.address_sealed}


async def hashes(connection: Connection, comment_ids: Sequence[str]) -> dict[str, str]:
    """Return the keyed hashes of those authors who gave an address, by comment."""
    rows = await connection.execute(
        select(contacts.c.comment_id, contacts.c.address_hash).where(contacts.c.comment_id.in_(comment_ids))
    )
    return {row.comment_id: row.address_hash for row in rows if row.address_hash}


async def addresses(connection: Connection, keys: KeyRing, comment_ids: Sequence[str]) -> dict[str, str]:
    """Return the addresses behind comments, for eyes that may see them or for masking.

    One that no listed key opens is left out, and logged: it hides no other comment.
    """
    found = dict[str, str]()
    for comment_id, one in (await sealed(connection, comment_ids)).items():
        try:
            found[comment_id] = keys.open(one, table=TABLE, row=comment_id)
        except KeyNotListedError:
            _log.exception("contacts.address_unreadable", comment=comment_id)
    return found


async def address(connection: Connection, keys: KeyRing, comment_id: str) -> str | None:
    """Return the address behind a comment, None where there is none that can be read."""
    return (await addresses(connection, keys, [comment_id])).get(comment_id)
