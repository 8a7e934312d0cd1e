"""The language in which a request is answered."""

from aiohttp import web

from moderation_service.locales import LANGUAGES, SOURCE, negotiate
from moderation_service.web.context import CONTEXT, LANGUAGE, READER


def of(request: web.Request) -> str:
    """Return the reader's language; where they name none, that of the site, or of all sites if they agree.

    A moderator behind a mailed link is spoken to as in the mail; else `?lang=` wins over what the browser names.
    """
    known = request.get(LANGUAGE)
    if known is None:
        languages = {site.language for site in request.app[CONTEXT].directory.sites}
        known = languages.pop() if len(languages) == 1 else SOURCE
    return _spoken(request, known)


def of_json(request: web.Request) -> str:
    """Return the same for an answer that a program reads first: English where no language is named."""
    return _spoken(request, SOURCE)


def _spoken(request: web.Request, otherwise: str) -> str:
    if READER in request:
        return request[READER]
    if (asked := request.query.get("lang")) in LANGUAGES:
        return asked
    return negotiate(request.headers.get("Accept-Language"), otherwise)
