"""Writing answers: JSON as the contract spells it, and 304 for readers who have it already."""

import orjson
from aiohttp import web

from moderation_service.web.page_cache import Answer


def to_json(value: object) -> bytes:
    """Write JSON with times in RFC 3339, UTC."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def is_held(if_none_match: str, etag: str) -> bool:
    """Tell whether a reader has the answer with this ETag; compared weakly (RFC 9110, 13.1.2)."""
    if if_none_match == etag:
        return True
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags


def send(request: web.Request, answer: Answer) -> web.Response:
    """Send an answer as the reader takes it, or 304 to one who has it."""
    headers = request.headers
    encoded = answer.encoded(headers.get("Accept-Encoding", ""))
    if_none_match = headers.get("If-None-Match")
    if if_none_match is not None and is_held(if_none_match, encoded.etag):
        return web.Response(status=304, headers=encoded.not_modified)
    return web.Response(body=encoded.body, headers=encoded.headers)
