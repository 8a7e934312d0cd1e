"""The queue on the desk, and what its script asks now and then."""

from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.addresses import InvalidAddressError
from moderation_service.domain.accounts.sites import Membership
from moderation_service.domain.comments import pages
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.pages import InvalidPageError, Page
from moderation_service.domain.errors import FieldsInvalidError, UnknownSiteError
from moderation_service.domain.moderation.decisions import TARGETS, Decision
from moderation_service.domain.moderation.queue_order import Order
from moderation_service.services.accounts.sessions import Session
from moderation_service.services.moderation.desk_counts import Overview
from moderation_service.services.moderation.queue import Filter
from moderation_service.services.notifications import delivery_monitor
from moderation_service.web.authentication import SESSION
from moderation_service.web.context import CONTEXT
from moderation_service.web.desk import frame, login, sentences
from moderation_service.web.http import queue_cursors, requests, session_cookie
from moderation_service.web.http.responses import unstored_json
from schemas.base import is_http_url, is_id
from schemas.desk import COMMENTS_AT_ONCE, DeskQuery, UpdatesQuery

ANY = "any"
_ONLY = "only"
_ALL = "all"
_QUERY, _UPDATES = DeskQuery(), UpdatesQuery()
_FILTERS = ("site", "page_url", "author", "q")
_KEPT = ("site", "status", "suspects", "alike", "order", "page_url", "author", "q", "cursor")
_STATE = ("status", "suspects", "order")
_MOST_GROUP = 2**63 - 1
_USUAL = {"status": Status.PENDING.value, "order": Order.QUEUE.value}
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
        return login.form(request)
    asked = query_of(request)
    wanted = await filter_of(request, session, asked)
    queue_page = await request.app[CONTEXT].desk.queue_page(
        session.memberships,
        wanted,
        site_id=asked["site"],
        after=queue_cursors.read(asked["cursor"], wanted.order),
        limit=COMMENTS_AT_ONCE,
        suspects_apart=are_suspects_apart(asked),
    )
    spoken = frame.language(session)
    context = request.app[CONTEXT]
    shown_chips = chips(session, asked)
    today = {} if queue_page.items or shown_chips else await context.desk.decided_today(session.memberships)
    attacks = context.traffic.attacks
    values = {
        "attacks": [(one, attacks[one.site.id]) for one in session.memberships if one.site.id in attacks],
        "delivery_problems": await context.delivery_monitor.look(session.memberships),
        "deletions": [
            (one, due)
            for one in session.memberships
            for due in await context.planned_deletions.of_site(one.site.id)
        ],
        "orphaned_pages": await context.orphaned_pages.of_sites(
            [membership.site.id for membership in session.memberships]
        ),
        "most_unreached": delivery_monitor.MOST_COUNTED,
        "queue_page": queue_page,
        "next_cursor": queue_cursors.text(queue_page.next_after, wanted.order),
        "asked": asked,
        "kept": kept(asked),
        "filters": kept(asked | {"cursor": None}),
        "state": {name: one for name, one in kept(asked).items() if name in _STATE},
        "chips": shown_chips,
        **await _page_shown(request, session, asked["page_url"]),
        "said": _said(request, spoken),
        "today": sentences.today(spoken, today),
        "counts": frame.counts(queue_page.overview),
        "pages": [page for page, _ in queue_page.overview.pages],
        "matching": queue_page.overview.shown,
        "suspects": queue_page.overview.suspects,
        "snapshot": _snapshot(request, session, wanted, asked)
        if queue_page.items and asked["scope"] == _ALL
        else None,
        "snapshot_of_suspects": _snapshot(request, session, replace(wanted, suspects=True), asked)
        if wanted.suspects is not None
        else None,
        "alike": [
            {
                "item": one.first,
                "count": one.group.count,
                "site_id": one.group.site_id,
                "text_group": str(one.group.text_group),
                "snapshot": context.bulks.snapshot(
                    session,
                    replace(wanted, order=Order.QUEUE, suspects=True, text_group=one.group.text_group),
                    site_id=one.group.site_id,
                ),
            }
            for one in queue_page.alike
        ],
        "bulks": [
            {"bulk": one, "text": sentences.progress(spoken, one), "may_undo": context.bulks.may_undo(one)}
            for one in await context.bulks.recent(session_cookie.person_id(request, session))
        ],
        **texts(spoken, asked, queue_page.overview),
    }
    return frame.page(request, session, "desk/queue.html", values)


def page_at_desk(request: web.Request, session: Session, page_url: str) -> tuple[Page, Membership] | None:
    """Return the page at an address and by what it is this person's, None for one whose comments are not."""
    try:
        page = request.app[CONTEXT].directory.page_of(page_url)
    except UnknownSiteError:
        return None
    theirs = (
        (page, membership)
        for membership in session.memberships
        if membership.site.id == page.site_id and membership.covers(page.url)
    )
    return next(theirs, None)


async def _page_shown(request: web.Request, session: Session, page_url: str | None) -> dict[str, Any]:
    """Return what is known of the one page whose comments are shown, where it is this person's."""
    found = None if page_url is None else page_at_desk(request, session, page_url)
    if found is None:
        return {"page_membership": None}
    page, membership = found
    return {
        "page_membership": membership,
        "page_shown": await request.app[CONTEXT].moderated_pages.find(membership.site, page),
    }


def _snapshot(request: web.Request, session: Session, wanted: Filter, asked: dict[str, Any]) -> str:
    """Return what a decision on all of a filter needs: what stands there now."""
    return request.app[CONTEXT].bulks.snapshot(session, wanted, site_id=asked["site"])


async def updates(request: web.Request) -> web.Response:
    """Tell the script how the comments that it shows stand by now, and how many came meanwhile."""
    session = request[SESSION]
    asked = requests.query(request, _UPDATES)
    asked |= _understood(asked)
    shown = [one for one in (asked["shown"] or "").split(",") if is_id(one)][:COMMENTS_AT_ONCE]
    found = await request.app[CONTEXT].desk.updates(
        session.memberships,
        await filter_of(request, session, asked),
        shown,
        site_id=asked["site"],
        newest=asked["newest"],
        with_search=False,
        suspects_apart=are_suspects_apart(asked),
    )
    spoken = frame.language(session)
    running = await request.app[CONTEXT].bulks.recent(session_cookie.person_id(request, session))
    said = said_of(spoken, asked, found.overview)
    said["counts"] |= {f"bulk:{one.id}": sentences.progress(spoken, one) for one in running}
    return unstored_json(
        {
            "comments": [frame.standing(request, item) for item in found.items],
            "new": found.new,
            "message": sentences.new_comments(spoken, found.new),
            **said,
        }
    )


def query_of(request: web.Request) -> dict[str, Any]:
    """Return what the URL asks for; an unknown state is the first.

    In the one field for all searches an address of the web means a page, and one of mail an author.
    """
    asked: dict[str, Any] = requests.query(request, _QUERY)
    return asked | _understood(asked)


def _understood(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be read otherwise than it was written."""
    changed: dict[str, Any] = {}
    if asked["status"] not in (ANY, *Status):
        changed["status"] = Status.PENDING.value
    if asked["order"] not in (Order.QUEUE, Order.OLDEST):
        changed["order"] = Order.QUEUE.value
    if asked["suspects"] != _ONLY or (asked | changed)["status"] != Status.PENDING:
        changed["suspects"] = None
    if asked["alike"] is not None and (
        not asked["alike"].isdecimal() or int(asked["alike"]) > _MOST_GROUP or changed.get("suspects", "") is None
    ):
        changed["alike"] = None
    words = asked["q"] or ""
    if is_http_url(words) and asked["page_url"] is None:
        changed |= {"q": None, "page_url": words}
    elif _is_address(words) and asked["author"] is None:
        changed |= {"q": None, "author": words}
    return changed


def kept(asked: dict[str, Any]) -> dict[str, str]:
    """Return what leads back to the same place: only what was understood, spelled by us."""
    return {name: asked[name] for name in _KEPT if asked[name] and asked[name] != _USUAL.get(name)}


def are_suspects_apart(asked: dict[str, Any]) -> bool:
    """Tell whether those that are suspicious stand apart from the others that wait."""
    return bool(asked["order"] == Order.QUEUE)


async def filter_of(request: web.Request, session: Session, asked: dict[str, Any]) -> Filter:
    """Return the filter; what waits is shown in the order asked for, what was decided newest first.

    A search looks through all that waits, suspects last.
    """
    status = None if asked["status"] == ANY else Status(asked["status"])
    suspects: bool | None = None
    order = Order.NEWEST
    if status is Status.PENDING:
        order = Order.QUEUE if asked["suspects"] else Order(asked["order"])
        is_list = order is Order.QUEUE and not (asked["q"] or asked["author"])
        suspects = True if asked["suspects"] else False if is_list else None
    page_id, more = await _page_ids(request, session, asked["page_url"])
    return Filter(
        status=status,
        page_id=page_id,
        more_page_ids=more,
        words=asked["q"],
        author=asked["author"],
        order=order,
        suspects=suspects,
        text_group=None if asked["alike"] is None else int(asked["alike"]),
        reported=status is Status.PENDING,
    )


def texts(spoken: str, asked: dict[str, Any], overview: Overview) -> dict[str, str]:
    """Return heading and title, which say how much the filter shows."""
    state = sentences.state(spoken, sentences.SUSPECTS if asked["suspects"] else asked["status"])
    if overview.shown is None:
        return {}
    number = sentences.counted(spoken, overview.shown)
    return {
        "heading": sentences.heading(spoken, state, number),
        "page_title": f"({number}) {state} – {sentences.name(spoken)}",
    }


def said_of(spoken: str, asked: dict[str, Any], overview: Overview) -> dict[str, Any]:
    """Return for the script what the page says about numbers."""
    counts = {key: sentences.counted(spoken, one) for key, one in frame.counts(overview).items()}
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
    if site is None or site.id not in {membership.site.id for membership in session.memberships}:
        return pages.page("", url).id, ()
    page_id, *more = await context.page_addresses.ids_of(context.directory.page(site, page_url).id)
    return page_id, tuple(more)


def chips(session: Session, asked: dict[str, Any]) -> list[Chip]:
    """Return the filters that are on, in words."""
    names = {membership.site.id: membership.site.name for membership in session.memberships}
    found = [
        Chip(
            text=names.get(asked[one], asked[one]) if one == "site" else asked[one],
            without=kept(asked | {one: None, "cursor": None}),
        )
        for one in _FILTERS
        if asked[one]
    ]
    if asked["alike"]:
        text = sentences.alike(frame.language(session))
        found.append(Chip(text=text, without=kept(asked | {"alike": None, "cursor": None})))
    return found


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
    if decision not in (*TARGETS, Decision.UNDO) or not done.isdecimal() or not refused.isdecimal():
        return ""
    numbers = [min(int(one[:9]), _MOST_SAID) for one in (done, refused)]
    return sentences.summary(spoken, Decision(decision), *numbers)
