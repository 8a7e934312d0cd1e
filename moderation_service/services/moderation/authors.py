"""Who wrote a comment, as far as its site knows: other comments of the address, and a note of the moderators.

An address is recognised by its keyed hash, under every listed key. Nothing is ever looked for across sites, and
what a moderator's paths do not cover is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from moderation_service.domain.accounts import addresses
from moderation_service.domain.comments.comment import QueuedComment
from moderation_service.domain.errors import NotFoundError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.authors import HANDLES, UNKNOWN, Author, AuthorNote, Record
from moderation_service.domain.moderation.decisions import Actor
from moderation_service.services.moderation.queue import Sees
from moderation_service.storage.comments import contacts
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.moderation import authors as stored
from moderation_service.storage.moderation.authors import Decided


def handle(keys: KeyRing, site_id: str, address_hash: str) -> str:
    """Return by what a program names an author: the hash as it is stored, encrypted for one site."""
    return keys.conceal(address_hash, purpose=HANDLES, scope=site_id)


async def hashes_behind(connection: Connection, keys: KeyRing, site_id: str, name: str) -> tuple[str, ...]:
    """Return all hashes of the address of which one stands in a handle.

    Raises NotFoundError for a handle of another site, and where the site has no comment of the author any more.
    """
    address_hash = keys.reveal(name, purpose=HANDLES, scope=site_id)
    comment_id = None if address_hash is None else await stored.comment_of(connection, site_id, address_hash)
    found = {} if comment_id is None else await contacts.addresses(connection, keys, [comment_id])
    if comment_id not in found:
        raise NotFoundError
    return hashes_of(keys, found[comment_id])


async def at_site(connection: Connection, site_id: str, hashes: Sequence[str]) -> Author:
    """Return what a site knows of an author."""
    notes = await stored.notes(connection, [site_id], hashes)
    decided = await stored.decided(connection, [site_id], hashes)
    return Author(record=_summed(decided), note=_of_hashes(notes, site_id, hashes))


async def proved_record(connection: Connection, site_id: str, hashes: Sequence[str]) -> Record:
    """Return how those comments of an author at a site were decided whose address was proved."""
    record = UNKNOWN
    for status, count in await stored.decided_of_proved(connection, site_id, hashes):
        record = record.with_more(status, count)
    return record


def hashes_of(keys: KeyRing, address: str) -> tuple[str, ...]:
    """Return the keyed hashes under which comments of an address are stored, the current one first."""
    return keys.keyed_hashes(addresses.AUTHOR, addresses.identity(address))


async def known(
    connection: Connection,
    keys: KeyRing,
    shown: Sequence[QueuedComment],
    address_of: Mapping[str, str],
    *,
    sees: Sees | None = None,
) -> dict[str, Author]:
    """Return what is known of the authors of comments, by comment; of those who gave an address."""
    hashes = {one.id: hashes_of(keys, address_of[one.id]) for one in shown if one.id in address_of}
    if not hashes:
        return {}
    asked = sorted({one for some in hashes.values() for one in some})
    site_ids = sorted({one.site_id for one in shown})
    notes = await stored.notes(connection, site_ids, asked)
    found: dict[tuple[str, str], list[Decided]] = {}
    for one in await stored.decided(connection, site_ids, asked):
        if sees is None or sees(one.site_id, one.page_url):
            found.setdefault((one.site_id, one.address_hash), []).append(one)
    return {
        one.id: Author(
            record=_summed(some for name in hashes[one.id] for some in found.get((one.site_id, name), ())),
            note=_of_hashes(notes, one.site_id, hashes[one.id]),
        )
        for one in shown
        if one.id in hashes
    }


async def others(
    connection: Connection,
    keys: KeyRing,
    comment: QueuedComment,
    address: str | None,
    *,
    limit: int,
    sees: Sees | None = None,
) -> list[str]:
    """Return the author's newest other comments on the same site."""
    if address is None:
        return []
    found = await stored.newest(connection, comment.site_id, hashes_of(keys, address))
    theirs = [one for one, url in found if one != comment.id and (sees is None or sees(comment.site_id, url))]
    return theirs[:limit]


async def write_note(
    connection: Connection,
    site_id: str,
    hashes: Sequence[str],
    text: str | None,
    *,
    actor: Actor,
    now: datetime,
    new_id: str,
) -> None:
    """Write the note on an author of a site in place of the one before, or take it away where there is no text."""
    note = None
    if text:
        note = AuthorNote(text=text, moderator_id=actor.moderator_id, actor_name=actor.name, at=now)
    await stored.put_note(connection, note, new_id=new_id, site_id=site_id, address_hashes=hashes)


def _summed(decided: Iterable[Decided]) -> Record:
    record = UNKNOWN
    for one in decided:
        record = record.with_more(one.status, one.count)
    return record


def _of_hashes(
    notes: Mapping[tuple[str, str], AuthorNote], site_id: str, hashes: Iterable[str]
) -> AuthorNote | None:
    found = [notes[site_id, one] for one in hashes if (site_id, one) in notes]
    return max(found, key=lambda one: one.at, default=None)
