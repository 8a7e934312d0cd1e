"""A server that speaks ntfy's JSON API: it takes messages, and lets a test tap their buttons as the app does."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from aiohttp import ClientResponse, ClientSession, web

MOST_BUTTONS = 3
"""As many as ntfy takes."""

TOPIC = "a-secret-topic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, as ntfy has understood it."""

    topic: str
    title: str
    text: str
    click: str
    actions: list[dict[str, Any]]

    async def tap(self, http: ClientSession, number: int, **headers: str) -> ClientResponse:
        """Do what the app does when a button is tapped, at the service that a client belongs to."""
        action = self.actions[number]
        assert action["action"] == "http"
        return await http.request(
            action["method"],
            urlsplit(action["url"]).path,
            data=action["body"].encode(),
            headers=action["headers"] | headers,
        )


@dataclass(slots=True)
class PushServer:
    """A server that takes messages and answers with `status`, or as `answer` says."""

    host: str = ""
    status: int = 200
    messages: list[Message] = field(default_factory=list)
    answer: Callable[[Message], int] | None = None

    @property
    def url(self) -> str:
        """Where messages are sent to, as Apprise has it."""
        return f"ntfy://{self.host}/{TOPIC}"

    async def take(self, request: web.Request) -> web.Response:
        said = orjson.loads(await request.read())
        actions = orjson.loads(request.headers.get("X-Actions", "[]"))
        if len(actions) > MOST_BUTTONS or any(not (one["label"] and one["url"]) for one in actions):
            return web.json_response({"code": 40018, "http": 400, "error": "actions invalid"}, status=400)
        message = Message(
            topic=said["topic"],
            title=said.get("title", ""),
            text=said.get("message", ""),
            click=request.headers.get("X-Click", ""),
            actions=actions,
        )
        status = self.status if self.answer is None else self.answer(message)
        self.messages.append(message)
        if status == web.HTTPOk.status_code:
            return web.json_response({"id": "a1", "event": "message"})
        code = {"code": status * 100 + 1, "http": status, "error": f"no: {message.topic}"}
        return web.json_response(code, status=status, headers={"Retry-After": "1"})


@asynccontextmanager
async def push_server() -> AsyncIterator[PushServer]:
    server = PushServer()
    app = web.Application()
    app.router.add_post("/", server.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.host = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def list_push(
    environ: dict[str, str], sites: str, moderators: dict[str, list[str]], *, text: bool = False
) -> None:
    """Write the sites file of an environment with push for some moderators."""
    Path(environ["MODERATION_SITES"]).write_text(listing(sites, moderators, text=text), encoding="utf-8")


def listing(sites: str, moderators: dict[str, list[str]], *, text: bool = False) -> str:
    """The sites file with push for moderators by id; with `text` what commenters wrote is let out."""
    for moderator_id, urls in moderators.items():
        entry = f'id = "{moderator_id}"\n'
        assert entry in sites
        sites = sites.replace(entry, f"{entry}push = {orjson.dumps(urls).decode()}\n")
    return sites.replace("[[site]]\n", f"[[site]]\npush_text = {str(text).lower()}\n")
