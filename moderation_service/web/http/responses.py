"""Writing answers: JSON as the contract spells it, lists that end before they are too long, and 304."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import orjson
from aiohttp import web
from multidict import CIMultiDict

from moderation_service.domain import clocks
from moderation_service.services.comments.listing import LARGEST
from moderation_service.web.cache.answers import Answer
from moderation_service.web.http import ready_answers
from moderation_service.web.http.ready_answers import ReadyResponse
from moderation_service.web.http.slow_readers import PIECE, PiecewiseResponse

SERVER = "moderation-service"
"""What the service says it is; which version runs is nobody's business."""

FOR_ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Last-Modified, Retry-After",
}
"""The headers that let the scripts of every site read an answer, and ask whether it still holds."""

NOT_TO_BE_GUESSED = {"X-Content-Type-Options": "nosniff"}
"""The header that keeps browsers from guessing what an answer is."""

TO_TELL_NOBODY = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
"""The headers of what stands behind a secret in its address."""


def to_json(value: object) -> bytes:
    """Write JSON with times in RFC 3339, UTC."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def fitting(entries: Sequence[object], *, beside: int = 1_000, largest: int = LARGEST) -> int:
    """Return how many of the first entries have room in a list, at least one; `beside` is for the rest of it."""
    room = largest - beside
    if len(to_json(entries)) <= room:
        return len(entries)
    for count, entry in enumerate(entries):
        room -= len(to_json(entry)) + 1
        if room < 0:
            return max(count, 1)
    return len(entries)


def is_held(if_none_match: str, etag: str) -> bool:
    """Tell whether a reader has the answer with this ETag; compared weakly (RFC 9110, 13.1.2)."""
    if if_none_match == etag:
        return True
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags


def unstored_json(value: object, *, status: int = HTTPStatus.OK) -> web.Response:
    """Answer in JSON that nobody may keep: it is for who asked, as the state is just now."""
    return web.Response(
        status=status, body=to_json(value), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


async def send(
    request: web.BaseRequest, answer: Answer, clock: Callable[[], datetime], *, as_it_is: bool = False
) -> web.Response:
    """Send an answer as the reader takes it, or 304 to one who has it.

    One that goes out `as_it_is`, without any other header, costs less.
    """
    headers = request.headers
    encoded = await answer.encoded(headers.get("Accept-Encoding", ""))
    if_none_match = headers.get("If-None-Match")
    if if_none_match is not None:
        is_known = is_held(if_none_match, encoded.etag)
    else:
        is_known = answer.last_modified is not None and _is_as_new(headers, answer.last_modified, clock)
    if as_it_is and ready_answers.suits(request) and (is_known or len(encoded.body) <= PIECE):
        return ReadyResponse(encoded, is_known=is_known)
    if is_known:
        return web.Response(status=304, headers=encoded.not_modified)
    return _in_pieces(encoded.body, encoded.headers)


async def send_unstored(request: web.BaseRequest, answer: Answer) -> web.Response:
    """Send an answer to what was asked by a body, which no cache can tell from another: nobody may keep it."""
    encoded = await answer.encoded(request.headers.get("Accept-Encoding", ""))
    headers = CIMultiDict(encoded.headers)
    for validator in ("ETag", "Last-Modified"):
        headers.pop(validator, None)
    headers["Cache-Control"] = "no-store"
    return _in_pieces(encoded.body, headers)


def _in_pieces(body: bytes, headers: CIMultiDict[str]) -> web.Response:
    return (
        PiecewiseResponse(body=body, headers=headers)
        if len(body) > PIECE
        else web.Response(body=body, headers=headers)
    )


def _is_as_new(headers: Mapping[str, str], last_modified: datetime, clock: Callable[[], datetime]) -> bool:
    """Tell whether a reader without an ETag has what was changed last at this second (RFC 9110, 13.1.3).

    A time in the future says nothing: it is from an answer that was given under a wrong clock.
    """
    since = headers.get("If-Modified-Since")
    if since is None:
        return False
    try:
        known = parsedate_to_datetime(since)
        return known >= last_modified and not clocks.is_ahead(known, clock())
    except (TypeError, ValueError):
        return False
