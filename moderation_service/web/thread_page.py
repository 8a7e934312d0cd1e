"""Where the page of a page's comments stands, and where its links and its form lead."""

from urllib.parse import urlencode

from aiohttp import web

from moderation_service.locales import LANGUAGES
from moderation_service.web.context import CONTEXT

PATH = "/comments"
SIMPLIFIED = "2"
"""The value of `held` where a comment's markup is shown as it was typed."""


def address(request: web.Request) -> str:
    """Return what a form gives as `redirect_to` to come back here."""
    return f"{request.app[CONTEXT].settings.public_url}{PATH}"


def held(request: web.Request, page_url: str, *, is_simplified: bool = False) -> str:
    """Return where a visitor is told that the comment waits. It holds nothing that they could have made up."""
    told = {"held": SIMPLIFIED if is_simplified else "1"}
    return f"{address(request)}?{urlencode({'page_url': page_url} | _spoken(request) | told)}#held"


def action(request: web.Request) -> str:
    """Return where a form is sent to, so that what comes back speaks the language that was asked for."""
    behind = urlencode(_spoken(request))
    return f"{request.app[CONTEXT].settings.public_url}/api/v1/comments{'?' if behind else ''}{behind}"


def _spoken(request: web.Request) -> dict[str, str]:
    asked = request.query.get("lang")
    return {"lang": asked} if asked in LANGUAGES else {}
