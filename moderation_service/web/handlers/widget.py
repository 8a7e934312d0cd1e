"""The script that puts a page's comments and the form into the page itself."""

from aiohttp import web

from moderation_service.locales import base
from moderation_service.web import widget_script
from moderation_service.web.answers import send
from moderation_service.web.middleware import language_of


async def script(request: web.Request) -> web.Response:
    """Return the script in the reader's language."""
    return send(request, widget_script.in_language(base(language_of(request))))
