"""What all pages of the desk share: their policy, their words, and how a comment stands in JSON."""

from datetime import datetime
from functools import cache, partial
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from moderation_service.domain.accounts import addresses
from moderation_service.domain.comments import markup, plain_text
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation import decisions as rules
from moderation_service.locales import reason_texts
from moderation_service.services.accounts.sessions import Session
from moderation_service.services.moderation.decisions import Case
from moderation_service.services.moderation.desk import Item
from moderation_service.services.moderation.desk_counts import Count, Overview
from moderation_service.templating import environment
from moderation_service.web.context import CONTEXT
from moderation_service.web.desk import sentences
from moderation_service.web.http import templates

_HEADERS = {
    "Content-Security-Policy": f"{templates.policy()}; {templates.WITH_A_SCRIPT}",
    "Referrer-Policy": "same-origin",
}
"""One script of ours; and our own address to ourselves, so that a form says which page it stood on."""


def page(
    request: web.Request,
    session: Session,
    template: str,
    values: dict[str, Any],
    *,
    status: int = 200,
) -> web.Response:
    """Return a page of the desk in the moderator's language."""
    context = request.app[CONTEXT]
    now = context.clock()
    shared = {
        "session": session,
        "now": now,
        "at": lambda asked, **changed: _address(request, asked | changed),
        "counted": lambda count: sentences.counted(language(session), count),
        "form_token": context.sessions.form_token(session),
        "mask": addresses.mask,
        "words": plain_text.words,
        "safe_html": markup.with_links_as_text,
        "may_undo": lambda entry: rules.may_undo(entry, now),
        "reason_label": lambda site: partial(reason_texts.label, language(session), site.language, site.reasons),
    }
    return templates.page(request, template, language(session), shared | values, status=status, headers=_HEADERS)


def _address(request: web.Request, query: dict[str, str | None], path: str = "") -> str:
    """Return the address of the desk with a query; what is None or empty is left out."""
    root = request.app[CONTEXT].settings.root
    said = urlencode({name: value for name, value in query.items() if value})
    return f"{root}/desk{path}?{said}" if said else f"{root}/desk{path}"


def bare_page(
    request: web.Request, template: str, spoken: str, values: dict[str, Any], *, status: int = 200, **headers: str
) -> web.Response:
    """Return a page before the desk: the same policy without a script."""
    more = {"Referrer-Policy": "same-origin"} | headers
    return templates.page(request, template, spoken, values, status=status, headers=more)


def to_desk(request: web.Request, query: dict[str, str] | None = None, *, path: str = "") -> web.Response:
    """Send the browser to the desk: the only place that this service ever sends a moderator to."""
    location = _address(request, dict(query or {}), path)
    return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})


def language(session: Session) -> str:
    """Return the language of whoever is at the desk."""
    return session.memberships[0].moderator.language


def wants_json(request: web.Request) -> bool:
    """Tell whether our script asks."""
    return "application/json" in request.headers.get("Accept", "")


def standing(request: web.Request, item: Item) -> dict[str, object]:
    """Say how a comment stands, in words of the moderator's language."""
    now = request.app[CONTEXT].clock()
    words = _words(item.membership.moderator.language)
    said_by = ""
    if item.last is not None and item.comment.status is not Status.PENDING:
        said_by = str(words.by(item.last, item.membership, now)).strip()
    return {
        "id": item.comment.id,
        "status": item.comment.status,
        "place": _place(item),
        "revision": item.comment.newest_revision,
        "word": str(words.state_of_one(item.comment.status)).strip(),
        "by": said_by,
        "may_undo": rules.may_undo(item.last, now) and not (item.comment.waits_again or item.comment.is_objected),
    }


def _place(item: Item) -> str:
    """Return where a comment stands; one that is published and waits again stands apart."""
    if item.comment.is_edited:
        return "edited"
    return "reported" if item.comment.is_reported else item.comment.status


def counts(overview: Overview) -> dict[str, Count]:
    """Return every number that a page of the queue shows, by the name of its place."""
    found = {f"state:{status}": one for status, one in overview.states.items()}
    if overview.suspects is not None:
        found["suspects"] = overview.suspects
    found |= {f"site:{site_id}": one for site_id, one in overview.sites.items()}
    if overview.sites:
        found["site:"] = sum(overview.sites.values(), Count(number=0))
    return found | {f"page:{page.id}": one for page, one in overview.pages}


def done_by(case: Case, now: datetime) -> str:
    """Say who decided on the comment behind a link, and when; one sentence."""
    words = _words(case.moderator.language)
    return str(words.done_by(case.last, case.moderator.timezone, now, case.moderator.id)).strip()


@cache
def _words(spoken: str) -> Any:
    """Return the macros that say what was decided, as the pages do."""
    return environment(("moderation_service.web",), spoken).get_template("words.html").make_module()
