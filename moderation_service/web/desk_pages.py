"""What all pages of the desk share: their policy, their words, and how a comment stands in JSON."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from moderation_service.domain import addresses, markup
from moderation_service.domain import decisions as rules
from moderation_service.domain.decisions import Decision, Outcome
from moderation_service.locales import translations
from moderation_service.services.desk import Item
from moderation_service.services.moderation import Result
from moderation_service.services.sessions import Session
from moderation_service.templating import environment
from moderation_service.web import html
from moderation_service.web.answers import to_json
from moderation_service.web.context import CONTEXT

_HEADERS = {
    "Content-Security-Policy": f"{html.policy()}; {html.WITH_A_SCRIPT}",
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
        "form_token": context.sessions.form_token(session),
        "mask": addresses.mask,
        "safe_html": markup.with_links_as_text,
        "may_undo": lambda entry: rules.may_undo(entry, now),
    }
    return html.page(request, template, language(session), shared | values, status=status, headers=_HEADERS)


def bare_page(
    request: web.Request, template: str, spoken: str, values: dict[str, Any], *, status: int = 200, **headers: str
) -> web.Response:
    """Return a page before the desk: the same policy without a script."""
    more = {"Referrer-Policy": "same-origin"} | headers
    return html.page(request, template, spoken, values, status=status, headers=more)


def to_desk(request: web.Request, query: dict[str, str] | None = None) -> web.Response:
    """Send the browser to the desk: the only place that this service ever sends a moderator to."""
    root = urlsplit(request.app[CONTEXT].settings.public_url).path
    behind = f"?{urlencode(query)}" if query else ""
    return web.Response(status=303, headers={"Location": f"{root}/desk{behind}", "Cache-Control": "no-store"})


def language(session: Session) -> str:
    """Return the language of whoever is at the desk."""
    return session.seats[0].moderator.language


def wants_json(request: web.Request) -> bool:
    """Tell whether our script asks."""
    return "application/json" in request.headers.get("Accept", "")


def answer(value: object) -> web.Response:
    """Answer our script."""
    return web.Response(
        body=to_json(value), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def standing(request: web.Request, session: Session, item: Item) -> dict[str, object]:
    """Say how a comment stands, in words of the moderator's language."""
    line = ""
    if item.last is not None:
        line = str(_words(language(session)).who(item.last, item.seat.moderator.timezone)).strip()
    return {
        "id": item.comment.id,
        "status": item.comment.status,
        "revision": item.comment.revision,
        "line": line,
        "may_undo": rules.may_undo(item.last, request.app[CONTEXT].clock()),
    }


@cache
def _words(spoken: str) -> Any:
    """Return the macros that say what was decided, as the pages do."""
    return environment(("moderation_service.web",), spoken).get_template("words.html").make_module()


def sentence(spoken: str, decision: Decision, results: Sequence[Result]) -> str:
    """Say in one or two sentences what became of decisions."""
    done = sum(one.outcome in (Outcome.DONE, Outcome.UNCHANGED) for one in results)
    return summary(spoken, decision, done, len(results) - done)


def summary(spoken: str, decision: Decision, done: int, refused: int) -> str:
    """Say how many decisions were taken, and how many could not be."""
    ngettext = translations(spoken).ngettext
    sentences = {
        Decision.APPROVE: ngettext("One comment approved.", "%(count)s comments approved.", done),
        Decision.REJECT: ngettext("One comment rejected.", "%(count)s comments rejected.", done),
        Decision.SPAM: ngettext("One comment marked as spam.", "%(count)s comments marked as spam.", done),
        Decision.UNDO: ngettext("One decision undone.", "%(count)s decisions undone.", done),
    }
    said = [sentences[decision] % {"count": done}] if done or not refused else []
    if refused:
        text = ngettext(
            "One comment was no longer as it was shown; look at it again.",
            "%(count)s comments were no longer as they were shown; look at them again.",
            refused,
        )
        said.append(text % {"count": refused})
    return " ".join(said)


def news(spoken: str, new: int) -> str:
    """Say how many comments came meanwhile."""
    text = translations(spoken).ngettext("One new comment came in.", "%(count)s new comments came in.", new)
    return text % {"count": new} if new else ""
