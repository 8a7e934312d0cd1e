"""What is stored under secret keys, found in the schema by the names of columns, and brought under another key."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    LargeBinary,
    Row,
    Table,
    bindparam,
    delete,
    exists,
    func,
    literal,
    select,
    tuple_,
    update,
)

from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import (
    author_mails,
    author_notes,
    blocks,
    comment_networks,
    contacts,
    idempotency_keys,
    logins,
    metadata,
    outside_checks,
    people,
    recent_posts,
    reporters,
    reports,
    traffic_reports,
)

_SEALED = "_sealed"
_NO_ADDRESS = b""

HASHED = frozenset(
    {
        author_mails.c.address_hash,
        author_mails.c.network_hash,
        author_notes.c.address_hash,
        blocks.c.value_hash,
        comment_networks.c.network_hash,
        contacts.c.address_hash,
        idempotency_keys.c.fingerprint,
        idempotency_keys.c.network_hash,
        logins.c.network_hash,
        people.c.address_hash,
        recent_posts.c.fingerprint,
        recent_posts.c.network_hash,
        recent_posts.c.wide_network_hash,
        reporters.c.address_hash,
        reports.c.address_hash,
        reports.c.network_hash,
        traffic_reports.c.report,
    }
)
"""The columns that hold keyed hashes; `tests/storage/test_schema.py` says what else looks like it."""

OF_AUTHORS = tuple(
    table.c.address_hash
    for table in metadata.sorted_tables
    if "address_hash" in table.c and table not in (contacts, people, reporters, reports)
)
"""Authors' hashes that stand without an address beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTable:
    """A table with encrypted columns; the encryption is bound to its name and to the value of `row`."""

    table: Table
    columns: tuple[Column[Any], ...]
    row: Column[Any]

    @property
    def key(self) -> tuple[Column[Any], ...]:
        """Its primary key."""
        return tuple(self.table.primary_key.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What a row is to hold instead of what it held when it was read."""

    row: Row[Any]
    after: Mapping[str, object]


@cache
def sealed_tables() -> tuple[SealedTable, ...]:
    """Return every table with encrypted columns, known by the ends of their names."""
    found = []
    for table in metadata.sorted_tables:
        columns = tuple(one for one in table.columns if one.name.endswith(_SEALED))
        if columns:
            key = tuple(table.primary_key.columns)
            found.append(
                SealedTable(
                    table=table, columns=columns, row=key[0] if len(key) == 1 else table.columns["comment_id"]
                )
            )
    return tuple(found)


async def rows(
    connection: Connection, sealed: SealedTable, most: int, *, after: Sequence[object] | None
) -> list[Row[Any]]:
    """Return up to `most` rows in the order of their keys, behind the key `after`."""
    query = select(sealed.table).order_by(*sealed.key).limit(most)
    if after is not None:
        behind = (literal(value, column.type) for column, value in zip(sealed.key, after, strict=True))
        query = query.where(tuple_(*sealed.key) > tuple_(*behind))
    return list(await connection.execute(query))


async def renew(connection: Connection, sealed: SealedTable, renewals: Sequence[Renewal]) -> None:
    """Change rows that are still as they were read."""
    if not renewals:
        return
    same_key = [one == bindparam(f"key_{one.name}", type_=one.type) for one in sealed.key]
    unchanged = [
        one.is_not_distinct_from(bindparam(f"before_{one.name}", type_=LargeBinary())) for one in sealed.columns
    ]
    changed = {name: bindparam(f"after_{name}", type_=sealed.table.c[name].type) for name in renewals[0].after}
    await connection.execute(
        update(sealed.table).where(*same_key, *unchanged).values(changed),
        [
            {f"key_{one.name}": getattr(renewal.row, one.name) for one in sealed.key}
            | {f"before_{one.name}": getattr(renewal.row, one.name) for one in sealed.columns}
            | {f"after_{name}": value for name, value in renewal.after.items()}
            for renewal in renewals
        ],
    )


async def forget_replays(connection: Connection, found: Sequence[Row[Any]]) -> None:
    """Delete idempotency keys, whose fingerprints nobody can compute again."""
    keys = [(row.site_id, row.key) for row in found]
    await connection.execute(
        delete(idempotency_keys).where(tuple_(idempotency_keys.c.site_id, idempotency_keys.c.key).in_(keys))
    )


async def forget_old_replays(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` idempotency keys of which an older version kept no receipt; return how many."""
    key = tuple_(idempotency_keys.c.site_id, idempotency_keys.c.key)
    old = (
        select(idempotency_keys.c.site_id, idempotency_keys.c.key)
        .where(idempotency_keys.c.receipt_sealed.is_(None), idempotency_keys.c.created_at < before)
        .limit(most)
    )
    return (await connection.execute(delete(idempotency_keys).where(key.in_(old)))).rowcount


async def known_networks(connection: Connection, comment_ids: Collection[str]) -> list[Row[Any]]:
    """Return of which of some comments the client's network is stored, encrypted, as `network_sealed`."""
    query = select(outside_checks.c.comment_id, outside_checks.c.site_id, outside_checks.c.network_sealed)
    return list(await connection.execute(query.where(outside_checks.c.comment_id.in_(comment_ids))))


async def renew_traces(
    connection: Connection, comment_ids: Collection[str], networks: Mapping[str, str]
) -> tuple[int, int]:
    """Forget where comments came from, but for those whose hashes by comment are given.

    Return how many networks and how many posts were forgotten.
    """
    lost = [one for one in comment_ids if one not in networks]
    forgotten = await connection.execute(delete(comment_networks).where(comment_networks.c.comment_id.in_(lost)))
    if networks:
        await connection.execute(
            update(comment_networks)
            .where(comment_networks.c.comment_id == bindparam("of_comment"))
            .values(network_hash=bindparam("renewed")),
            [{"of_comment": one, "renewed": network} for one, network in sorted(networks.items())],
        )
    posts = await connection.execute(delete(recent_posts).where(recent_posts.c.comment_id.in_(comment_ids)))
    return forgotten.rowcount, posts.rowcount


async def forget_networks(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` earlier networks of comments without an address; return how many."""
    return await _forget_without_address(connection, comment_networks, most, before)


async def forget_posts(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` earlier posts and edits without an address; return how many."""
    return await _forget_without_address(connection, recent_posts, most, before)


async def _forget_without_address(connection: Connection, table: Table, most: int, before: datetime) -> int:
    has_address = exists().where(
        contacts.c.comment_id == table.c.comment_id, contacts.c.address_sealed != _NO_ADDRESS
    )
    old = select(table.c.comment_id).where(table.c.created_at < before, ~has_address).limit(most)
    return (await connection.execute(delete(table).where(table.c.comment_id.in_(old)))).rowcount


async def forget_login_networks(connection: Connection, most: int, *, before: datetime) -> int:
    """Forget of up to `most` earlier log-ins from which network they were asked for; return of how many."""
    old = select(logins.c.id).where(logins.c.requested_at < before, logins.c.network_hash != "").limit(most)
    result = await connection.execute(update(logins).where(logins.c.id.in_(old)).values(network_hash=""))
    return result.rowcount


async def forget_networks_of_mails(connection: Connection, most: int, *, before: datetime) -> int:
    """Forget from which networks up to `most` earlier mails to authors were asked for; return of how many."""
    mails = author_mails
    old = select(mails.c.id).where(mails.c.at < before, mails.c.network_hash.is_not(None)).limit(most)
    result = await connection.execute(update(mails).where(mails.c.id.in_(old)).values(network_hash=None))
    return result.rowcount


async def forget_reports(connection: Connection, *, before: datetime) -> None:
    """Delete what processes told each other earlier of what comes in: one row for each process and site."""
    await connection.execute(delete(traffic_reports).where(traffic_reports.c.at < before))


async def forget_hashed_blocks(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` earlier blocks of networks of which the hash alone is known; return how many.

    Those of networks that are known of a comment are left: all of these have been brought under the current key.
    """
    old = (
        select(blocks.c.id)
        .where(
            blocks.c.value_hash.is_not(None),
            blocks.c.value_sealed.is_(None),
            blocks.c.created_at < before,
            ~exists().where(
                comment_networks.c.site_id == blocks.c.site_id,
                comment_networks.c.network_hash == blocks.c.value_hash,
            ),
        )
        .limit(most)
    )
    return (await connection.execute(delete(blocks).where(blocks.c.id.in_(old)))).rowcount


async def rename_networks_of_blocks(connection: Connection, renamed: Mapping[str, str]) -> None:
    """Give blocks of networks of which only hashes are known the new ones, by the old ones."""
    await _rename(connection, blocks.c.value_hash, renamed, blocks.c.value_sealed.is_(None))


async def rename_authors(connection: Connection, renamed: Mapping[str, str]) -> None:
    """Give authors their new hashes, by the old ones, wherever they are named beside their contacts."""
    for column in OF_AUTHORS:
        await _rename(connection, column, renamed)


async def _rename(
    connection: Connection, column: Column[Any], renamed: Mapping[str, str], *conditions: Any
) -> None:
    found = await connection.execute(select(column).where(column.in_(list(renamed)), *conditions).distinct())
    for old in found.scalars().all():
        statement = update(column.table).where(column == old, *conditions).values({column.name: renamed[old]})
        await connection.execute(statement)


async def unknown_notes(connection: Connection, most: int) -> list[str]:
    """Return the hashes of up to `most` authors of whom there are notes, but neither comment nor block."""
    hashed = author_notes.c.address_hash
    query = (
        select(hashed)
        .where(
            ~exists().where(contacts.c.address_hash == hashed),
            ~exists().where(blocks.c.value_hash == hashed),
        )
        .distinct()
        .limit(most)
    )
    return list((await connection.execute(query)).scalars())


async def forget_notes(connection: Connection, hashes: Collection[str]) -> int:
    """Delete what was noted about the authors of some hashes; return how many notes."""
    result = await connection.execute(delete(author_notes).where(author_notes.c.address_hash.in_(hashes)))
    return result.rowcount


async def forget_people(connection: Connection, known: Collection[str]) -> int:
    """Forget the addresses of all people but those of some ids; return of how many."""
    gone = (people.c.id.not_in(list(known)), people.c.address_hash != "")
    return (await connection.execute(update(people).where(*gone).values(address_hash=""))).rowcount


async def count(connection: Connection, sealed: SealedTable) -> int:
    """Return how many rows a table has."""
    return (await connection.execute(select(func.count()).select_from(sealed.table))).scalar_one()
