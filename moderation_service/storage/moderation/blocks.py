"""Blocks on disk: addresses and networks encrypted, with a keyed hash beside."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, select

from moderation_service.domain.keys import KeyNotListedError, KeyRing
from moderation_service.domain.moderation.blocks import Block, BlockKind
from moderation_service.domain.moderation.decisions import Actor, Channel
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import blocks

TABLE = blocks.name

_SEALED = (BlockKind.ADDRESS, BlockKind.NETWORK)


async def ids(connection: Connection) -> set[str]:
    """Return the ids of all blocks of all sites."""
    return set((await connection.execute(select(blocks.c.id))).scalars())


async def load(connection: Connection, keys: KeyRing, block_ids: Collection[str]) -> list[Block]:
    """Return blocks by their ids, those that are there still."""
    return await _read(connection, keys, select(blocks).where(blocks.c.id.in_(block_ids)))


async def newest(
    connection: Connection, keys: KeyRing, site_ids: Collection[str], *, after: str | None = None, limit: int
) -> list[Block]:
    """Return up to `limit` blocks of some sites, the newest first, behind the block `after`."""
    query = select(blocks).where(blocks.c.site_id.in_(site_ids)).order_by(blocks.c.id.desc()).limit(limit)
    return await _read(connection, keys, query if after is None else query.where(blocks.c.id < after))


async def count(connection: Connection, site_id: str) -> int:
    """Return how many blocks a site has, those that have ended among them."""
    query = select(func.count()).where(blocks.c.site_id == site_id)
    return (await connection.execute(query)).scalar_one()


async def count_of(connection: Connection, value_hashes: Collection[str]) -> int:
    """Return how many blocks all sites have of the addresses of some hashes."""
    query = select(func.count()).where(blocks.c.kind == BlockKind.ADDRESS, blocks.c.value_hash.in_(value_hashes))
    return (await connection.execute(query)).scalar_one()


async def add(connection: Connection, keys: KeyRing, block: Block, *, same: Sequence[str]) -> None:
    """Store a block, in place of those of the same thing: of a keyed hash, or a spelling, among `same`."""
    is_sealed = block.kind in _SEALED
    is_same: ColumnElement[bool] = (blocks.c.value_hash if is_sealed else blocks.c.value).in_(same)
    await connection.execute(
        delete(blocks).where(blocks.c.site_id == block.site_id, blocks.c.kind == block.kind, is_same)
    )
    sealed = None
    if is_sealed and block.value is not None:
        sealed = keys.seal(block.value, table=TABLE, row=block.id)
    await connection.execute(
        insert(blocks).values(
            id=block.id,
            site_id=block.site_id,
            kind=block.kind,
            value=None if is_sealed else block.value,
            value_sealed=sealed,
            value_hash=block.value_hash,
            reason=block.reason,
            means=block.actor.channel,
            moderator_id=block.actor.moderator_id,
            actor_name=block.actor.name,
            created_at=block.created_at,
            ends_at=block.ends_at,
        )
    )


async def remove(connection: Connection, site_ids: Collection[str], block_id: str) -> str | None:
    """Delete a block of one of some sites; return of which, None where there is none such."""
    statement = delete(blocks).where(blocks.c.id == block_id, blocks.c.site_id.in_(site_ids))
    return (await connection.execute(statement.returning(blocks.c.site_id))).scalar_one_or_none()


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` blocks that ended earlier; return how many."""
    old = select(blocks.c.id).where(blocks.c.ends_at < before).limit(most)
    result = await connection.execute(delete(blocks).where(blocks.c.id.in_(old)))
    return result.rowcount


async def _read(connection: Connection, keys: KeyRing, query: Select[Any]) -> list[Block]:
    return [_block(row, keys) for row in await connection.execute(query)]


def _block(row: Row[Any], keys: KeyRing) -> Block:
    return Block(
        id=row.id,
        site_id=row.site_id,
        kind=BlockKind(row.kind),
        value=row.value if row.value_sealed is None else _opened(row, keys),
        value_hash=row.value_hash,
        reason=row.reason,
        actor=Actor(channel=Channel(row.means), moderator_id=row.moderator_id, name=row.actor_name),
        created_at=row.created_at,
        ends_at=row.ends_at,
    )


def _opened(row: Row[Any], keys: KeyRing) -> str | None:
    """Return what was encrypted; None where its key is no longer listed: then its hash may still be known."""
    try:
        return keys.open(row.value_sealed, table=TABLE, row=row.id)
    except KeyNotListedError:
        return None
