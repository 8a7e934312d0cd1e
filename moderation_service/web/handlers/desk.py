"""The queue on the desk, and what its script asks now and then."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from moderation_service.domain import addresses, pages
from moderation_service.domain.addresses import InvalidAddressError
from moderation_service.domain.comments import Status
from moderation_service.domain.decisions import Decision
from moderation_service.domain.errors import FieldsInvalidError
from moderation_service.domain.pages import InvalidPageError
from moderation_service.services import troubles
from moderation_service.services.desk_counts import Overview
from moderation_service.services.queue import Filter
from moderation_service.services.sessions import Session
from moderation_service.web import desk_pages, desk_session, desk_words, reading
from moderation_service.web.authentication import SESSION
from moderation_service.web.context import CONTEXT
from moderation_service.web.handlers import desk_login
from schemas.base import is_http_url, is_id
from schemas.desk import COMMENTS_AT_ONCE, SheetQuery, UpdatesQuery

ANY = "any"
_ALL = "all"
_QUERY, _UPDATES = SheetQuery(), UpdatesQuery()
_FILTERS = ("site", "page_url", "author", "q")
_KEPT = ("site", "status", "page_url", "author", "q", "cursor")
_MOST_SAID = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A filter that is on, in words, and the query that is left without it."""

    text: str
    without: dict[str, str]


async def show(request: web.Request) -> web.Response:
    """Show what waits, or the log-in form to who is not logged in."""
    session = request.get(SESSION)
    if session is None:
        return desk_login.form(request)
    asked = query_of(request)
    sheet = await request.app[CONTEXT].desk.sheet(
        session.seats,
        await filter_of(request, session, asked),
        site_id=asked["site"],
        after=asked["cursor"],
        limit=COMMENTS_AT_ONCE,
    )
    spoken = desk_pages.language(session)
    context = request.app[CONTEXT]
    shown_chips = chips(session, asked)
    today = {} if sheet.items or shown_chips else await context.desk.decided_today(session.seats)
    values = {
        "troubles": await troubles.look(context.database, context.directory, session.seats),
        "most_unheard": troubles.MOST_COUNTED,
        "sheet": sheet,
        "asked": asked,
        "kept": kept(asked),
        "filters": kept(asked | {"cursor": None}),
        "state": {"status": asked["status"]} if asked["status"] != Status.PENDING else {},
        "chips": shown_chips,
        "said": _said(request, spoken),
        "today": desk_words.today(spoken, today),
        "counts": desk_pages.counts(sheet.overview),
        "pages": [page for page, _ in sheet.overview.pages],
        "matching": sheet.overview.shown,
        "snapshot": await _snapshot(request, session, asked) if sheet.items else None,
        "bulks": [
            {"bulk": one, "text": desk_words.progress(spoken, one), "may_undo": context.bulks.may_undo(one)}
            for one in await context.bulks.recent(desk_session.person_id(request, session))
        ],
        **texts(spoken, asked, sheet.overview),
    }
    return desk_pages.page(request, session, "desk/queue.html", values)


async def _snapshot(request: web.Request, session: Session, asked: dict[str, Any]) -> str | None:
    """Return what a decision on all needs, where that was asked for: what stands there now."""
    if asked["scope"] != _ALL:
        return None
    wanted = await filter_of(request, session, asked)
    return request.app[CONTEXT].bulks.snapshot(session, wanted, site_id=asked["site"])


async def updates(request: web.Request) -> web.Response:
    """Tell the script how the comments that it shows stand by now, and how many came meanwhile."""
    session = request[SESSION]
    asked = reading.query(request, _UPDATES)
    asked |= _understood(asked)
    shown = [one for one in (asked["shown"] or "").split(",") if is_id(one)][:COMMENTS_AT_ONCE]
    found = await request.app[CONTEXT].desk.news(
        session.seats,
        await filter_of(request, session, asked),
        shown,
        site_id=asked["site"],
        newest=asked["newest"],
        with_search=False,
    )
    spoken = desk_pages.language(session)
    running = await request.app[CONTEXT].bulks.recent(desk_session.person_id(request, session))
    said = said_of(spoken, asked, found.overview)
    said["counts"] |= {f"bulk:{one.id}": desk_words.progress(spoken, one) for one in running}
    return desk_pages.answer(
        {
            "comments": [desk_pages.standing(request, item) for item in found.items],
            "new": found.new,
            "message": desk_words.news(spoken, found.new),
            **said,
        }
    )


def query_of(request: web.Request) -> dict[str, Any]:
    """Return what the URL asks for; an unknown state is the first.

    In the one field for all searches an address of the web means a page, and one of mail an author.
    """
    asked: dict[str, Any] = reading.query(request, _QUERY)
    return asked | _understood(asked)


def _understood(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be read otherwise than it was written."""
    changed: dict[str, Any] = {}
    if asked["status"] not in (ANY, *Status):
        changed["status"] = Status.PENDING.value
    words = asked["q"] or ""
    if is_http_url(words) and asked["page_url"] is None:
        changed |= {"q": None, "page_url": words}
    elif _is_address(words) and asked["author"] is None:
        changed |= {"q": None, "author": words}
    return changed


def kept(asked: dict[str, Any]) -> dict[str, str]:
    """Return what leads back to the same place: only what was understood, spelled by us."""
    return {
        name: asked[name] for name in _KEPT if asked[name] and (name, asked[name]) != ("status", Status.PENDING)
    }


async def filter_of(request: web.Request, session: Session, asked: dict[str, Any]) -> Filter:
    """Return the filter; what waits is shown oldest first, what was decided newest first."""
    status = None if asked["status"] == ANY else Status(asked["status"])
    page_id, more = await _page_ids(request, session, asked["page_url"])
    return Filter(
        status=status,
        page_id=page_id,
        more_page_ids=more,
        words=asked["q"],
        author=asked["author"],
        newest_first=status is not Status.PENDING,
    )


def texts(spoken: str, asked: dict[str, Any], overview: Overview) -> dict[str, str]:
    """Return heading and title, which say how much the filter shows."""
    state = desk_words.state(spoken, asked["status"])
    if overview.shown is None:
        return {}
    number = desk_words.counted(spoken, overview.shown)
    return {
        "heading": desk_words.heading(spoken, state, number),
        "page_title": f"({number}) {state} – {desk_words.name(spoken)}",
    }


def said_of(spoken: str, asked: dict[str, Any], overview: Overview) -> dict[str, Any]:
    """Return for the script what the page says about numbers."""
    counts = {key: desk_words.counted(spoken, one) for key, one in desk_pages.counts(overview).items()}
    return {"counts": counts, **texts(spoken, asked, overview)}


async def _page_ids(
    request: web.Request, session: Session, page_url: str | None
) -> tuple[str | None, tuple[str, ...]]:
    """Return the id of a page, and more that it has; one of a site that is not this person's has no comments."""
    if page_url is None:
        return None, ()
    try:
        url = pages.canonical(page_url)
    except InvalidPageError as error:
        raise FieldsInvalidError({"page_url": ["invalid_url"]}) from error
    context = request.app[CONTEXT]
    site = context.directory.sites.of_page(url)
    if site is None or site.id not in {seat.site.id for seat in session.seats}:
        return pages.page("", url).id, ()
    page_id, *more = await context.page_addresses.ids_of(pages.page(site.id, url).id)
    return page_id, tuple(more)


def chips(session: Session, asked: dict[str, Any]) -> list[Chip]:
    """Return the filters that are on, in words."""
    names = {seat.site.id: seat.site.name for seat in session.seats}
    return [
        Chip(
            text=names.get(asked[one], asked[one]) if one == "site" else asked[one],
            without=kept(asked | {one: None, "cursor": None}),
        )
        for one in _FILTERS
        if asked[one]
    ]


def _is_address(text: str) -> bool:
    if "@" not in text:
        return False
    try:
        addresses.normalise(text)
    except InvalidAddressError:
        return False
    return True


def _said(request: web.Request, spoken: str) -> str:
    """Return the sentence about the decisions that led here, by the three words that they left in the URL."""
    decision, _, counts = request.query.get("said", "").partition(".")
    done, _, refused = counts.partition(".")
    if decision not in tuple(Decision) or not done.isdecimal() or not refused.isdecimal():
        return ""
    numbers = [min(int(one[:9]), _MOST_SAID) for one in (done, refused)]
    return desk_words.summary(spoken, Decision(decision), *numbers)
