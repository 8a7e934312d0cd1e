"""Where the page of a page's comments stands, and where its links and its form lead."""

from collections.abc import Mapping
from urllib.parse import urlencode

from moderation_service.locales import LANGUAGES

PATH = "/comments"


def address(public_url: str) -> str:
    """Return what a form gives as `redirect_to` to come back here."""
    return f"{public_url}{PATH}"


def held(public_url: str, query: Mapping[str, str], page_url: str, *, is_known: bool) -> str:
    """Return where a visitor is told that a comment came, or where a note in the address is to say which."""
    shown = {} if is_known else {"held": "1"}
    there = f"{address(public_url)}?{urlencode({'page_url': page_url} | _spoken(query) | shown)}"
    return there if is_known else f"{there}#held"


def action(public_url: str, query: Mapping[str, str]) -> str:
    """Return where a form is sent to, so that what comes back speaks the language that was asked for."""
    behind = urlencode(_spoken(query))
    return f"{public_url}/api/v1/comments{'?' if behind else ''}{behind}"


def _spoken(query: Mapping[str, str]) -> dict[str, str]:
    asked = query.get("lang")
    return {"lang": asked} if asked in LANGUAGES else {}
