"""The limits: bare aiohttp handlers that do the least that an answer needs."""

import asyncio
import sys

import orjson
import uvloop
from aiohttp import web
from email_validator import validate_email

from schemas.comments import Submission

_SUBMISSION = Submission()
_HEADERS = {"Content-Type": "application/json"}


async def fixed(request: web.Request) -> web.Response:
    """Answer as many bytes as asked for."""
    return web.Response(body=_bytes(int(request.match_info["length"])), headers=_HEADERS)


def _bytes(length: int, _made: dict[int, bytes] = {}) -> bytes:  # noqa: B006 - a memo
    if length not in _made:
        _made[length] = b"x" * length
    return _made[length]


async def validating(request: web.Request) -> web.Response:
    """Parse and check a submission, and store nothing."""
    loaded = _SUBMISSION.load(orjson.loads(await request.read()))
    validate_email(loaded["author_email"], check_deliverability=False)
    return web.Response(status=202, body=_bytes(150), headers=_HEADERS)


async def not_modified(_: web.Request) -> web.Response:
    """Answer an empty 304."""
    return web.Response(status=304)


async def main(port: int, *, is_shared: bool) -> None:
    app = web.Application()
    app.router.add_get("/fixed/{length}", fixed)
    app.router.add_get("/304", not_modified)
    app.router.add_post("/api/v1/comments", validating)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024, reuse_port=is_shared or None).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as one:
        one.run(main(int(sys.argv[1]), is_shared="shared" in sys.argv))
