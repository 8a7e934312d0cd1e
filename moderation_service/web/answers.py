"""Writing answers: JSON as the contract spells it, and 304 for readers who have it already."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

import orjson
from aiohttp import web

from moderation_service.web.page_cache import Answer
from moderation_service.web.slow_readers import PIECE, PiecewiseResponse

FOR_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
"""The header that lets the scripts of every site read an answer."""

NOT_TO_BE_GUESSED = {"X-Content-Type-Options": "nosniff"}
"""The header that keeps browsers from guessing what an answer is."""


def to_json(value: object) -> bytes:
    """Write JSON with times in RFC 3339, UTC."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def is_held(if_none_match: str, etag: str) -> bool:
    """Tell whether a reader has the answer with this ETag; compared weakly (RFC 9110, 13.1.2)."""
    if if_none_match == etag:
        return True
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags


def send(request: web.BaseRequest, answer: Answer) -> web.Response:
    """Send an answer as the reader takes it, or 304 to one who has it."""
    headers = request.headers
    encoded = answer.encoded(headers.get("Accept-Encoding", ""))
    if_none_match = headers.get("If-None-Match")
    if if_none_match is not None:
        is_known = is_held(if_none_match, encoded.etag)
    else:
        is_known = answer.last_modified is not None and _is_as_new(headers, answer.last_modified)
    if is_known:
        return web.Response(status=304, headers=encoded.not_modified)
    if len(encoded.body) > PIECE:
        return PiecewiseResponse(body=encoded.body, headers=encoded.headers)
    return web.Response(body=encoded.body, headers=encoded.headers)


def _is_as_new(headers: Mapping[str, str], last_modified: datetime) -> bool:
    """Tell whether a reader without an ETag has what was changed last at this second (RFC 9110, 13.1.3)."""
    since = headers.get("If-Modified-Since")
    if since is None:
        return False
    try:
        return parsedate_to_datetime(since) >= last_modified
    except (TypeError, ValueError):
        return False
