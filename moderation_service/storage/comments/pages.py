"""Pages on disk: those that older rules told apart, and the moving of comments from page to page."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, or_, select, update

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.pages import FORM, Page
from moderation_service.storage.comments import changes
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import ERASED, PAGE_IS_MOVING, comments, page_aliases, page_rules, pages

_STORED = (pages.c.id, pages.c.site_id, pages.c.url, pages.c.created_at)
_IS_STRAY = exists().where(page_aliases.c.id == pages.c.id, page_aliases.c.moves_to != pages.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPage:
    """A page as it stands on disk, whatever its address would be today."""

    id: str
    site_id: str
    url: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """The address under which a page was first met, and when."""

    url: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How many comments were moved, and whether there may be more."""

    comments: int
    is_more: bool


async def met(connection: Connection, page_ids: Sequence[str]) -> dict[str, Met]:
    """Return under which addresses pages were first met, by id; those that were met at all."""
    query = select(pages.c.id, pages.c.url, pages.c.created_at).where(pages.c.id.in_(page_ids))
    return {row.id: Met(url=row.url, at=row.created_at) for row in await connection.execute(query)}


async def adopt_rules(connection: Connection, fingerprints: Mapping[str, str]) -> dict[str, int]:
    """Put the rules of sites, which their fingerprints stand for, in force; return which version each is now."""
    rows = [{"site_id": site_id, "fingerprint": "", "form": FORM - 1} for site_id in sorted(fingerprints)]
    await insert_rows(connection, page_rules, rows, new_only=True)
    query = select(page_rules).where(page_rules.c.site_id.in_(fingerprints)).order_by(page_rules.c.site_id)
    forms: dict[str, int] = {}
    for row in (await connection.execute(query.with_for_update())).all():
        forms[row.site_id] = row.form
        if row.fingerprint != fingerprints[row.site_id]:
            forms[row.site_id] = row.form + 1
            changed = {"fingerprint": fingerprints[row.site_id], "form": row.form + 1}
            await connection.execute(update(page_rules).where(page_rules.c.site_id == row.site_id).values(changed))
    return forms


async def rules_in_force(connection: Connection) -> dict[str, tuple[str, int]]:
    """Return the fingerprints of the sites' rules that were put in force last, and which version each is."""
    return {row.site_id: (row.fingerprint, row.form) for row in await connection.execute(select(page_rules))}


async def is_settled(connection: Connection, site_ids: Collection[str]) -> bool:
    """Tell whether every comment of these sites is stored under its page's id of today."""
    unchecked = _is_unchecked(site_ids)
    waits = or_(unchecked, exists().where(PAGE_IS_MOVING), exists(select(pages.c.id).where(_IS_STRAY)))
    return not (await connection.execute(select(waits))).scalar_one()


async def ids_of(connection: Connection, page_id: str) -> list[str]:
    """Return the ids under which a page's comments are stored: its own, and those that are still to move there."""
    moving = await connection.execute(select(pages.c.id).where(pages.c.moves_to == page_id, PAGE_IS_MOVING))
    return [page_id, *moving.scalars()]


async def unchecked(connection: Connection, site_ids: Collection[str], limit: int) -> list[StoredPage]:
    """Return pages that today's rules were not asked about, and keep them from being changed meanwhile."""
    query = select(*_STORED).join(page_rules, page_rules.c.site_id == pages.c.site_id)
    query = query.where(page_rules.c.site_id.in_(site_ids), _is_older(pages.c.form)).order_by(pages.c.id)
    rows = await connection.execute(query.limit(limit).with_for_update(of=pages))
    return [_stored(row) for row in rows]


async def keep(connection: Connection, page_ids: Sequence[str], forms: Mapping[str, int]) -> None:
    """Note that pages have the id that the rules of today give them."""
    for site_id, form in forms.items():
        here = update(pages).where(pages.c.id.in_(page_ids), pages.c.site_id == site_id)
        if page_ids:
            await connection.execute(here.values(form=form))


async def send(connection: Connection, moves: Sequence[tuple[StoredPage, Page]]) -> None:
    """Note that comments of pages move to others, which are there from now on.

    Each of these was met as early as all that move there, has the title that a moderator gave one of them, and is
    open or closed as one of them, unless that was said of itself.
    """
    if not moves:
        return
    earliest: dict[str, tuple[StoredPage, Page]] = {}
    for found, target in moves:
        first = earliest.setdefault(target.id, (found, target))
        if found.created_at < first[0].created_at:
            earliest[target.id] = found, target
    rows = [
        {
            "id": target.id,
            "site_id": target.site_id,
            "url": target.url,
            "created_at": found.created_at,
            "form": target.form,
        }
        for found, target in sorted(earliest.values(), key=lambda one: one[1].id)
    ]
    there = await met(connection, sorted(earliest))
    await insert_rows(connection, pages, rows, new_only=True)
    known = [row for row in rows if row["id"] in there]
    if known:
        await connection.execute(
            update(pages)
            .where(pages.c.id == bindparam("target"), pages.c.created_at > bindparam("met"))
            .values(url=bindparam("address"), created_at=bindparam("met")),
            [{"target": row["id"], "met": row["created_at"], "address": row["url"]} for row in known],
        )
        stays = update(pages).where(pages.c.id.in_(earliest), PAGE_IS_MOVING)
        await connection.execute(stays.values(moves_to=None))
    await _pass_on_titles(connection, moves)
    await _pass_on_commenting(connection, moves)
    targets = {found.id: target for found, target in moves}
    behind = select(pages.c.id, pages.c.moves_to).where(pages.c.moves_to.in_(targets), PAGE_IS_MOVING)
    steps = [
        *((found.id, target) for found, target in moves),
        *((row.id, targets[row.moves_to]) for row in await connection.execute(behind)),
    ]
    await connection.execute(
        update(pages)
        .where(pages.c.id == bindparam("moved"), pages.c.id != bindparam("target"))
        .values(form=bindparam("as_of"), moves_to=bindparam("target")),
        [{"moved": page_id, "target": target.id, "as_of": target.form} for page_id, target in steps],
    )
    await _lead_on(connection, moves)


async def _pass_on_titles(connection: Connection, moves: Sequence[tuple[StoredPage, Page]]) -> None:
    targets = {found.id: target.id for found, target in moves}
    titled = select(pages.c.id, pages.c.title, pages.c.title_at).where(
        pages.c.id.in_(targets), pages.c.title.is_not(None)
    )
    rows = (await connection.execute(titled.order_by(pages.c.created_at))).all()
    if rows:
        await connection.execute(
            update(pages)
            .where(pages.c.id == bindparam("target"), pages.c.title.is_(None))
            .values(title=bindparam("given"), title_at=bindparam("given_at")),
            [{"target": targets[row.id], "given": row.title, "given_at": row.title_at} for row in rows],
        )


async def _pass_on_commenting(connection: Connection, moves: Sequence[tuple[StoredPage, Page]]) -> None:
    """Let pages be open or closed as those that move there, unless somebody said that of themselves."""
    targets = {found.id: target for found, target in moves}
    there, here = pages.alias("there"), pages.alias("here")
    said = select(here.c.id, here.c.commenting, here.c.title_at).where(
        here.c.id.in_(targets), here.c.commenting.is_not(None)
    )
    rows = (await connection.execute(said.order_by(here.c.created_at))).all()
    first: dict[str, Any] = {}
    for row in rows:
        first.setdefault(targets[row.id].id, row)
    open_to_it = select(there.c.id, there.c.site_id).where(there.c.id.in_(first), there.c.commenting.is_(None))
    for page_id, site_id in (await connection.execute(open_to_it.order_by(there.c.site_id, there.c.id))).all():
        number = await changes.take(connection, site_id, 1)
        told = {
            "commenting": first[page_id].commenting,
            "title_number": number,
            "title_at": func.coalesce(pages.c.title_at, first[page_id].title_at),
        }
        await connection.execute(update(pages).where(pages.c.id == page_id).values(told))


async def _lead_on(connection: Connection, moves: Sequence[tuple[StoredPage, Page]]) -> None:
    """Let aliases of pages that move lead to where these are now, so that none leads to an alias."""
    targets = {found.id: target for found, target in moves}
    query = select(page_aliases.c.id, page_aliases.c.site_id, page_aliases.c.moves_to)
    behind = (await connection.execute(query.where(page_aliases.c.moves_to.in_(targets)))).all()
    for site_id in sorted({row.site_id for row in behind}):
        here = [row for row in behind if row.site_id == site_id]
        number = await changes.take(connection, site_id, 1)
        await connection.execute(
            update(page_aliases)
            .where(page_aliases.c.id == bindparam("alias"))
            .values(moves_to=bindparam("target"), number=number),
            [{"alias": row.id, "target": targets[row.moves_to].id} for row in here],
        )


async def gather(connection: Connection, limit: int) -> int:
    """Let pages move that were stored under an alias by whoever did not know of it; return how many."""
    query = select(*_STORED, page_aliases.c.moves_to).join(page_aliases, page_aliases.c.id == pages.c.id)
    query = query.where(page_aliases.c.moves_to != pages.c.id, pages.c.moves_to.is_(None))
    rows = (await connection.execute(query.limit(limit).with_for_update(of=pages))).all()
    if rows:
        await connection.execute(
            update(pages).where(pages.c.id == bindparam("moved")).values(moves_to=bindparam("target")),
            [{"moved": row.id, "target": row.moves_to} for row in rows],
        )
    return len(rows)


async def move(connection: Connection, *, limit: int, at: datetime) -> Moved:
    """Move up to `limit` comments from pages that move, a change for the readers of each public one.

    They are chosen page by page, since their places in indexes are near each other then, and locked by their ids.
    Pages from which all are moved are no more.
    """
    moving = select(pages.c.id).where(PAGE_IS_MOVING).order_by(pages.c.id).limit(limit)
    page_ids = [row.id for row in await connection.execute(moving)]
    if not page_ids:
        return Moved(comments=0, is_more=False)
    is_here = comments.c.page_id.in_(page_ids)
    page_by_page = select(comments.c.id).where(is_here).order_by(comments.c.page_id, comments.c.id).limit(limit)
    chosen = [*(await connection.execute(page_by_page)).scalars()]
    query = select(comments.c.id, comments.c.site_id, comments.c.status).where(comments.c.id.in_(chosen), is_here)
    rows = (await connection.execute(query.order_by(comments.c.id).with_for_update())).all()
    hidden = [row.id for row in rows if row.status != Status.APPROVED]
    if hidden:
        there = update(comments).where(comments.c.id.in_(hidden), pages.c.id == comments.c.page_id)
        await connection.execute(there.values(page_id=pages.c.moves_to))
    for site_id in sorted({row.site_id for row in rows}):
        public = [row.id for row in rows if row.site_id == site_id and row.status == Status.APPROVED]
        if public:
            await _move_public(connection, site_id, public, at)
    if len(chosen) < limit:
        emptied = delete(pages).where(pages.c.id.in_(page_ids), ~exists().where(comments.c.page_id == pages.c.id))
        await connection.execute(emptied)
    return Moved(comments=len(rows), is_more=True)


async def _move_public(connection: Connection, site_id: str, ids: Sequence[str], at: datetime) -> None:
    """Move comments of a site and give them its next numbers, by one statement for all of them."""
    first = await changes.take(connection, site_id, len(ids)) - len(ids)
    place = (func.row_number().over(order_by=comments.c.id) + first).label("number")
    moved = (
        select(comments.c.id, pages.c.moves_to, place)
        .join(pages, pages.c.id == comments.c.page_id)
        .where(comments.c.id.in_(ids))
        .subquery()
    )
    await connection.execute(
        update(comments)
        .where(comments.c.id == moved.c.id)
        .values(
            page_id=moved.c.moves_to,
            change_number=moved.c.number,
            change_at=at,
            updated_number=moved.c.number,
        )
    )


async def stored(connection: Connection, page_ids: Collection[str]) -> dict[str, StoredPage]:
    """Return pages by id, those that are on disk."""
    return {
        row.id: _stored(row) for row in await connection.execute(select(*_STORED).where(pages.c.id.in_(page_ids)))
    }


async def after(connection: Connection, page_id: str | None, limit: int) -> list[StoredPage]:
    """Return pages by rising id behind one, or from the first."""
    query = select(*_STORED).order_by(pages.c.id).limit(limit)
    if page_id is not None:
        query = query.where(pages.c.id > page_id)
    return [_stored(row) for row in await connection.execute(query)]


async def comment_counts(connection: Connection, page_ids: Collection[str]) -> dict[str, dict[Status, int]]:
    """Return how many comments pages have, by page and state."""
    query = select(comments.c.page_id, comments.c.status, func.count()).where(
        comments.c.page_id.in_(page_ids), comments.c.status != ERASED
    )
    found: dict[str, dict[Status, int]] = {}
    for page_id, status, count in await connection.execute(query.group_by(comments.c.page_id, comments.c.status)):
        found.setdefault(page_id, {})[Status(status)] = count
    return found


def _is_unchecked(site_ids: Collection[str]) -> ColumnElement[bool]:
    return exists().where(
        page_rules.c.site_id.in_(site_ids), page_rules.c.site_id == pages.c.site_id, _is_older(pages.c.form)
    )


def _is_older(form: ColumnElement[int | None]) -> ColumnElement[bool]:
    return or_(form.is_(None), form < page_rules.c.form)


def _stored(row: Any) -> StoredPage:
    return StoredPage(id=row.id, site_id=row.site_id, url=row.url, created_at=row.created_at)
