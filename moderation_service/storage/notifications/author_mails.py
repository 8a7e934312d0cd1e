"""Mails to authors, as far as limits ask: proofs that were asked for, and addresses that refuse what we send."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update

from moderation_service.domain.comments.comment import Draft
from moderation_service.domain.comments.notices import (
    KEPT_REFUSALS,
    MOST_REFUSALS,
    PROOFS_OF_ADDRESS,
    PROOFS_OF_NETWORK,
    PROOFS_OF_SITE,
    WINDOW,
    AskedProof,
)
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.schema import author_mails


@dataclass(slots=True)
class _Counts:
    """How many proofs were asked for lately, and how often addresses refused; by keyed hash and by site."""

    of_addresses: dict[str, int] = field(default_factory=dict)
    of_networks: dict[str, int] = field(default_factory=dict)
    of_sites: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)

    def allows(self, asked: AskedProof, site_id: str) -> bool:
        """Tell whether one more may be sent."""
        return (
            _sum(self.of_addresses, asked.address_hashes) < PROOFS_OF_ADDRESS
            and _sum(self.of_networks, asked.networks) < PROOFS_OF_NETWORK
            and self.of_sites.get(site_id, 0) < PROOFS_OF_SITE
            and _sum(self.refusals, asked.address_hashes) < MOST_REFUSALS
        )

    def add(self, asked: AskedProof, site_id: str) -> None:
        """Count one more."""
        for counts, name in (
            (self.of_addresses, asked.address_hashes[0]),
            (self.of_networks, asked.networks[0] if asked.networks else ""),
            (self.of_sites, site_id),
        ):
            counts[name] = counts.get(name, 0) + 1


async def ask(connection: Connection, drafts: Sequence[Draft]) -> list[Draft]:
    """Note the proofs that drafts ask for, and return those drafts of which one is within all limits."""
    asking = [draft for draft in drafts if draft.asked_proof is not None]
    if not asking:
        return []
    found = [(draft.asked_proof, draft.page.site_id) for draft in asking if draft.asked_proof is not None]
    counts = await _counts(connection, found, max(draft.created_at for draft in asking))
    allowed = []
    for draft in asking:
        asked = draft.asked_proof
        if asked is not None and counts.allows(asked, draft.page.site_id):
            counts.add(asked, draft.page.site_id)
            allowed.append((draft, asked))
    await insert_rows(
        connection,
        author_mails,
        [
            {
                "id": asked.id,
                "comment_id": draft.id,
                "site_id": draft.page.site_id,
                "address_hash": asked.address_hashes[0],
                "network_hash": asked.networks[0] if asked.networks else None,
                "at": draft.created_at,
            }
            for draft, asked in allowed
        ],
    )
    return [draft for draft, _ in allowed]


async def ask_one(connection: Connection, asked: AskedProof, *, about_id: str, site_id: str, at: datetime) -> bool:
    """Note a mail with a link to an address, by its comment or reporter; False where that is beyond a limit."""
    counts = await _counts(connection, [(asked, site_id)], at)
    if not counts.allows(asked, site_id):
        return False
    await connection.execute(
        insert(connection, author_mails).values(
            id=asked.id,
            comment_id=about_id,
            site_id=site_id,
            address_hash=asked.address_hashes[0],
            network_hash=asked.networks[0] if asked.networks else None,
            at=at,
        )
    )
    return True


async def asked_of(connection: Connection, comment_id: str) -> str | None:
    """Return the id of the delivery that is to ask for the proof of a comment's address, None without one."""
    query = select(author_mails.c.id).where(
        author_mails.c.comment_id == comment_id, author_mails.c.refused_at.is_(None)
    )
    found: str | None = (await connection.execute(query.limit(1))).scalar_one_or_none()
    return found


async def note_refusal(
    connection: Connection,
    delivery_id: str,
    *,
    comment_id: str,
    site_id: str,
    address_hashes: Sequence[str],
    at: datetime,
) -> int:
    """Write that an address refused a mail for good; return how often it did lately."""
    fresh = insert(connection, author_mails).values(
        id=delivery_id,
        comment_id=comment_id,
        site_id=site_id,
        address_hash=address_hashes[0],
        at=at,
        refused_at=at,
    )
    await connection.execute(fresh.on_conflict_do_update(index_elements=["id"], set_={"refused_at": at}))
    return _sum(await _refusals(connection, address_hashes, since=at - KEPT_REFUSALS), address_hashes)


async def forget_refusals(connection: Connection, address_hashes: Collection[str]) -> None:
    """Forget that an address refused anything: its owner has just read a mail."""
    await connection.execute(
        update(author_mails)
        .where(author_mails.c.address_hash.in_(address_hashes), author_mails.c.refused_at.is_not(None))
        .values(refused_at=None)
    )


async def forget(connection: Connection, most: int, *, now: datetime) -> int:
    """Delete up to `most` that no limit asks for any more."""
    old = (
        select(author_mails.c.id)
        .where(
            author_mails.c.at < now - WINDOW,
            or_(author_mails.c.refused_at.is_(None), author_mails.c.refused_at < now - KEPT_REFUSALS),
        )
        .limit(most)
    )
    result = await connection.execute(delete(author_mails).where(author_mails.c.id.in_(old)))
    return result.rowcount


async def _counts(connection: Connection, asked: Sequence[tuple[AskedProof, str]], now: datetime) -> _Counts:
    """Count what was asked for lately of the addresses, networks and sites of some proofs, each with its site."""
    recent = (author_mails.c.at > now - WINDOW, author_mails.c.at <= now + WINDOW)
    hashes = sorted({one for proof, _ in asked for one in proof.address_hashes})
    networks = sorted({one for proof, _ in asked for one in proof.networks})
    found = _Counts(refusals=await _refusals(connection, hashes, since=now - KEPT_REFUSALS))
    for column, names, counts in (
        (author_mails.c.address_hash, hashes, found.of_addresses),
        (author_mails.c.network_hash, networks, found.of_networks),
        (author_mails.c.site_id, sorted({site_id for _, site_id in asked}), found.of_sites),
    ):
        rows = await connection.execute(
            select(column, func.count()).where(column.in_(names), *recent).group_by(column)
        )
        counts |= {row[0]: row[1] for row in rows}
    return found


async def _refusals(connection: Connection, address_hashes: Collection[str], *, since: datetime) -> dict[str, int]:
    rows = await connection.execute(
        select(author_mails.c.address_hash, func.count())
        .where(author_mails.c.address_hash.in_(address_hashes), author_mails.c.refused_at > since)
        .group_by(author_mails.c.address_hash)
    )
    return {row[0]: row[1] for row in rows}


def _sum(counts: Mapping[str, int], names: Collection[str]) -> int:
    return sum(counts.get(name, 0) for name in names)
