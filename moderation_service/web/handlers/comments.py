"""The routes of websites that post in JSON, and of readers."""

import hashlib
from datetime import datetime
from email.utils import format_datetime

import orjson
from aiohttp import web

from moderation_service.domain import pages
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError, UnknownSiteError
from moderation_service.domain.pages import InvalidPageError, Page
from moderation_service.services import listing
from moderation_service.web import reading, submitting
from moderation_service.web.context import CONTEXT
from moderation_service.web.handlers import comment_form
from schemas.base import is_id
from schemas.comments import ListQuery, Order, Submission

_SUBMISSION, _LIST = Submission(), ListQuery()
_CACHE = "public, max-age=0, must-revalidate"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type, Idempotency-Key",
    "Access-Control-Max-Age": "600",
}


async def create(request: web.Request) -> web.Response:
    """Keep a comment and promise it to the moderators; answer when both are on disk."""
    if reading.is_form(request):
        return await comment_form.create(request)
    receipt = await submitting.submit(request, await reading.fields_of(request), _SUBMISSION)
    return web.Response(
        status=202,
        body=to_json(
            {
                "id": receipt.id,
                "status": "pending",
                "page_url": receipt.page_url,
                "created_at": receipt.created_at,
            }
        ),
        content_type="application/json",
        headers={"Location": f"/api/v1/comments/{receipt.id}", "Cache-Control": "no-store"},
    )


async def preflight(_: web.Request) -> web.Response:
    """Tell a browser which headers a script may send along."""
    return web.Response(status=204, headers=_PREFLIGHT)


async def index(request: web.Request) -> web.Response:
    """List a page's approved comments."""
    asked = reading.query(request, _LIST)
    found = await listing.list_page(
        request.app[CONTEXT].database,
        page_of(request, asked["page_url"]),
        after=asked["cursor"],
        limit=asked["limit"],
        newest_first=asked["order"] is Order.NEWEST,
    )
    body = to_json(
        {
            "page_url": found.page_url,
            "count": found.count,
            "comments": found.comments,
            "next_cursor": found.next_after,
        }
    )
    return _revalidated(request, body, found.last_change)


async def show(request: web.Request) -> web.Response:
    """Return one approved comment."""
    comment_id = request.match_info["comment_id"]
    if not is_id(comment_id):
        raise NotFoundError
    found = await listing.get(request.app[CONTEXT].database, comment_id)
    return _revalidated(request, to_json(found), None)


def page_of(request: web.Request, url: str) -> Page:
    """Return the page at a URL of a known site; raise FieldsInvalidError or UnknownSiteError."""
    try:
        canonical = pages.canonical(url)
    except InvalidPageError as error:
        raise FieldsInvalidError({"page_url": ["invalid_url"]}) from error
    site = request.app[CONTEXT].directory.sites.of_page(canonical)
    if site is None:
        raise UnknownSiteError
    return pages.page(site.id, canonical)


def to_json(value: object) -> bytes:
    """Write JSON with times in RFC 3339, UTC."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def _revalidated(request: web.Request, body: bytes, last_change: datetime | None) -> web.Response:
    """Answer with the body, or with 304 to a reader who has it."""
    etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": _CACHE}
    if last_change is not None:
        headers["Last-Modified"] = format_datetime(last_change, usegmt=True)
    if _has(request.headers.get("If-None-Match", ""), etag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type="application/json", headers=headers)


def _has(if_none_match: str, etag: str) -> bool:
    """Compare weakly (RFC 9110, 13.1.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags
