"""Aliases on disk: the ids of pages that were moved, and the pages that they are now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select, update

from moderation_service.domain.comments.pages import Page
from moderation_service.storage.comments import changes
from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.schema import page_aliases, page_rules, pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """The id and the address that a page had, and the page that it is now; None for one that is itself again."""

    id: str
    site_id: str
    url: str
    target: Page | None


async def after(connection: Connection, site_id: str, number: int) -> list[Alias]:
    """Return the aliases of a site that changed after a number of its changes."""
    query = _found().where(page_aliases.c.site_id == site_id, page_aliases.c.number > number)
    return [_alias(row) for row in await connection.execute(query)]


async def all_of(connection: Connection, site_ids: Collection[str]) -> list[Alias]:
    """Return all aliases of sites, by address."""
    query = _found().where(page_aliases.c.site_id.in_(site_ids)).order_by(page_aliases.c.url)
    return [_alias(row) for row in await connection.execute(query)]


async def put(connection: Connection, moves: Sequence[tuple[str, str, Page]], *, at: datetime) -> None:
    """Let ids, each with its address, stand for other pages from now on, and these for themselves.

    All are of one site, of which it takes a number.
    """
    site_id = moves[0][2].site_id
    targets = sorted({target.id for _, _, target in moves})
    number = await changes.take(connection, site_id, 1)
    rows = [
        {
            "id": alias_id,
            "site_id": site_id,
            "url": url,
            "moves_to": target.id,
            "form": target.form,
            "number": number,
            "created_at": at,
        }
        for alias_id, url, target in sorted(moves, key=lambda one: one[0])
    ]
    statement = insert(connection, page_aliases)
    again = {name: statement.excluded[name] for name in ("url", "moves_to", "form", "number", "created_at")}
    await connection.execute(statement.on_conflict_do_update(index_elements=[page_aliases.c.id], set_=again), rows)
    itself = update(page_aliases).where(
        page_aliases.c.id.in_(targets), page_aliases.c.moves_to != page_aliases.c.id
    )
    await connection.execute(itself.values(moves_to=page_aliases.c.id, number=number))


async def older(connection: Connection, site_ids: Collection[str], limit: int) -> list[Alias]:
    """Return aliases whose address today's rules were not asked about."""
    query = _found().join(page_rules, page_rules.c.site_id == page_aliases.c.site_id)
    query = query.where(page_rules.c.site_id.in_(site_ids), page_aliases.c.form < page_rules.c.form)
    return [_alias(row) for row in await connection.execute(query.order_by(page_aliases.c.id).limit(limit))]


async def keep(connection: Connection, ids: Sequence[str], forms: Mapping[str, int]) -> None:
    """Note that today's rules were asked about aliases."""
    for site_id, form in forms.items():
        here = update(page_aliases).where(page_aliases.c.id.in_(ids), page_aliases.c.site_id == site_id)
        if ids:
            await connection.execute(here.values(form=form))


def _found() -> Select[Any]:
    target = pages.alias("target")
    return select(
        page_aliases.c.id,
        page_aliases.c.site_id,
        page_aliases.c.url,
        page_aliases.c.moves_to,
        page_aliases.c.form,
        func.coalesce(target.c.url, page_aliases.c.url).label("target_url"),
    ).outerjoin(target, target.c.id == page_aliases.c.moves_to)


def _alias(row: Row[Any]) -> Alias:
    target = None
    if row.moves_to != row.id:
        target = Page(id=row.moves_to, site_id=row.site_id, url=row.target_url, form=row.form)
    return Alias(id=row.id, site_id=row.site_id, url=row.url, target=target)
