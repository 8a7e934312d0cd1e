"""What a script fetches for the form that it shows: a stamp of this very moment, and the honeypot's name."""

from aiohttp import web

from moderation_service.web.context import CONTEXT
from moderation_service.web.http import requests
from moderation_service.web.http.responses import to_json
from schemas.stamps import StampQuery

_QUERY = StampQuery()


async def show(request: web.Request) -> web.Response:
    """Return what a form for a page carries; no cache may keep it, as it says when somebody began to write."""
    context = request.app[CONTEXT]
    page = context.directory.page_of(requests.page_query(request.query, _QUERY)["page_url"])
    site = context.directory.sites.get(page.site_id)
    marks = None if site is None else context.form_stamps.of_second(site)
    answer = {
        "form_stamp": None if marks is None else marks.stamp,
        "honeypot": None if marks is None else marks.honeypot,
    }
    return web.Response(
        body=to_json(answer), content_type="application/json", headers={"Cache-Control": "no-store"}
    )
