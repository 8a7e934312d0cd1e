"""A receiver of webhooks as others write one: it verifies by the library of Standard Webhooks."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes.").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another one, of 32 bytes as well").decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One POST."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.body)
        return found

    def verified(self, secret: str = SECRET) -> Any:
        """What it says, after the library has verified signature and time; it raises where they are not right."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass(slots=True)
class Receiver:
    """A server at `url` that takes POSTs and answers with `status`, or as `answer` says."""

    url: str = ""
    status: int = 204
    posts: list[Taken] = field(default_factory=list)
    answer: Callable[[Taken], int] | None = None

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        one = Taken(headers=headers, body=await request.read())
        self.posts.append(one)
        return web.Response(status=self.status if self.answer is None else self.answer(one))

    @property
    def numbers(self) -> list[int]:
        return [one.event["data"]["number"] for one in self.posts]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def list_webhooks(environ: dict[str, str], sites: str, *webhooks: dict[str, Any]) -> None:
    """Write the sites file of an environment with webhooks of its first site."""
    Path(environ["MODERATION_SITES"]).write_text(listing(sites, *webhooks), encoding="utf-8")


def listing(sites: str, *webhooks: dict[str, Any]) -> str:
    """The sites file with webhooks of its first site; they may go to loopback and have a secret."""
    tables = [
        "\n".join(
            [
                "[[site.webhook]]",
                *(f"{name} = {_toml(value)}" for name, value in entry.items() if value is not None),
            ]
        )
        for entry in ({"allow_private": True, "secret": SECRET} | one for one in webhooks)
    ]
    first, second = sites.split("\n[[site]]\n", 2)[1:]
    return "\n[[site]]\n".join(["", first + "\n" + "\n\n".join(tables) + "\n", second])


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else orjson.dumps(value).decode()
