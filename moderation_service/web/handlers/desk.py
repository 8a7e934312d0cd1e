"""The queue on the desk, and what its script asks now and then."""

from typing import Any

from aiohttp import web

from moderation_service.domain import pages
from moderation_service.domain.comments import Status
from moderation_service.domain.decisions import Decision
from moderation_service.domain.errors import FieldsInvalidError
from moderation_service.domain.pages import InvalidPageError
from moderation_service.services import desk as rules
from moderation_service.services import troubles
from moderation_service.services.queue import Filter
from moderation_service.services.sessions import Session
from moderation_service.web import desk_pages, desk_session, reading
from moderation_service.web.context import CONTEXT
from moderation_service.web.handlers import desk_login
from schemas.base import is_id
from schemas.desk import COMMENTS_AT_ONCE, SheetQuery, UpdatesQuery

ANY = "any"
_QUERY, _UPDATES = SheetQuery(), UpdatesQuery()
_KEPT = ("site", "status", "page_url", "author", "q", "cursor")


async def show(request: web.Request) -> web.Response:
    """Show what waits, or the log-in form to who is not logged in."""
    session = await desk_session.session_if_any(request)
    if session is None:
        return desk_login.form(request)
    asked = query_of(request)
    sheet = await request.app[CONTEXT].desk.sheet(
        session.seats,
        _filter(request, session, asked),
        site_id=asked["site"],
        after=asked["cursor"],
        limit=COMMENTS_AT_ONCE,
    )
    spoken = desk_pages.language(session)
    context = request.app[CONTEXT]
    values = {
        "troubles": await troubles.look(context.database, context.directory, session.seats),
        "most_unheard": troubles.MOST_COUNTED,
        "sheet": sheet,
        "asked": asked,
        "kept": kept(asked),
        "to_start": kept(asked | {"cursor": None}),
        "to_next": kept(asked | {"cursor": sheet.next_after}),
        "is_filtered": any(asked[name] for name in ("site", "page_url", "author", "q")),
        "most_counted": rules.MOST_COUNTED,
        "said": _said(request, spoken),
    }
    return desk_pages.page(request, session, "desk/queue.html", values)


async def updates(request: web.Request) -> web.Response:
    """Tell the script how the comments that it shows stand by now, and how many came meanwhile."""
    session = await desk_session.session_of(request)
    asked = reading.query(request, _UPDATES)
    shown = [one for one in (asked["shown"] or "").split(",") if is_id(one)][:COMMENTS_AT_ONCE]
    found = await request.app[CONTEXT].desk.news(session.seats, shown, newest=asked["newest"])
    return desk_pages.answer(
        {
            "comments": [desk_pages.standing(request, session, item) for item in found.items],
            "new": found.new,
            "message": desk_pages.news(desk_pages.language(session), found.new),
        }
    )


def query_of(request: web.Request) -> dict[str, Any]:
    """Return what the URL asks for; an unknown state is the first."""
    asked = reading.query(request, _QUERY)
    if asked["status"] not in (ANY, *Status):
        asked["status"] = Status.PENDING.value
    return asked


def kept(asked: dict[str, Any]) -> dict[str, str]:
    """Return what leads back to the same place: only what was understood, spelled by us."""
    return {
        name: asked[name] for name in _KEPT if asked[name] and (name, asked[name]) != ("status", Status.PENDING)
    }


def _filter(request: web.Request, session: Session, asked: dict[str, Any]) -> Filter:
    """Return the filter; what waits is shown oldest first, what was decided newest first."""
    status = None if asked["status"] == ANY else Status(asked["status"])
    return Filter(
        status=status,
        page_id=_page_id(request, session, asked["page_url"]),
        words=asked["q"],
        author=asked["author"],
        newest_first=status is not Status.PENDING,
    )


def _page_id(request: web.Request, session: Session, page_url: str | None) -> str | None:
    """Return the id of a page; one of a site that is none of this person's has no comments."""
    if page_url is None:
        return None
    try:
        url = pages.canonical(page_url)
    except InvalidPageError as error:
        raise FieldsInvalidError({"page_url": ["invalid_url"]}) from error
    site = request.app[CONTEXT].directory.sites.of_page(url)
    mine = {seat.site.id for seat in session.seats}
    return pages.page(site.id if site is not None and site.id in mine else "", url).id


def _said(request: web.Request, spoken: str) -> str:
    """Return the sentence about the decisions that led here, by the three words that they left in the URL."""
    decision, _, counts = request.query.get("said", "").partition(".")
    done, _, refused = counts.partition(".")
    if decision not in tuple(Decision) or not done.isdecimal() or not refused.isdecimal():
        return ""
    return desk_pages.summary(spoken, Decision(decision), int(done[:3]), int(refused[:3]))
