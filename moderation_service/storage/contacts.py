"""Authors' addresses, apart from all else and encrypted. Nothing behind a public route reads this table."""

from collections.abc import Sequence

from sqlalchemy import select

from moderation_service.domain.comments import Draft
from moderation_service.domain.keys import KeyRing
from moderation_service.storage.bulk import insert_rows
from moderation_service.storage.database import Connection
from moderation_service.storage.tables import contacts

TABLE = contacts.name


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


async def addresses(connection: Connection, keys: KeyRing, comment_ids: Sequence[str]) -> dict[str, str]:
    """Return the addresses behind comments, for eyes that may see them or for masking."""
    rows = await connection.execute(
        select(contacts.c.comment_id, contacts.c.address_sealed).where(contacts.c.comment_id.in_(comment_ids))
    )
    return {row.comment_id: keys.open(row.address_sealed, table=TABLE, row=row.comment_id) for row in rows}
