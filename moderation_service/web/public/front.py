"""What anybody finds who comes without a link: what this is, and what robots should leave alone."""

from importlib.resources import files
from urllib.parse import urlsplit

from aiohttp import web

from moderation_service.web.context import CONTEXT
from moderation_service.web.http import language, templates

_FOR_A_DAY = {"Cache-Control": "public, max-age=86400"}
_NOT_FOR_ROBOTS = ("/moderate/", "/desk", "/receipts/", "/comments")


async def show(request: web.Request) -> web.Response:
    """Say in a few words what this is, and where moderators go."""
    return page(request)


def page(request: web.Request, *, status: int = 200, no_page_named: bool = False) -> web.Response:
    """Return that page, also in answer to a request for the comments of no page."""
    public_url = request.app[CONTEXT].settings.public_url
    values = {
        "no_page_named": no_page_named,
        "desk_url": f"{public_url}/desk",
        "documentation_url": f"{public_url}/docs",
    }
    return templates.page(request, "front.html", language.of(request), values, status=status)


async def robots(request: web.Request) -> web.Response:
    """Tell robots to leave links of people alone, and pages that stand on the website already."""
    root = urlsplit(request.app[CONTEXT].settings.public_url).path
    lines = ["User-agent: *", *(f"Disallow: {root}{path}" for path in _NOT_FOR_ROBOTS)]
    return web.Response(text="\n".join(lines) + "\n", headers=_FOR_A_DAY)


async def icon(_: web.Request) -> web.Response:
    """Return the sign that browsers show in their tabs."""
    sign = files("moderation_service.web") / "static" / "icon.svg"
    return web.Response(body=sign.read_bytes(), content_type="image/svg+xml", headers=_FOR_A_DAY)
