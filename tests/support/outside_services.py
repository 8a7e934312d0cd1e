"""Services outside that a site may ask about comments: one that speaks Akismet's protocol, a hook, and a model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web
from standardwebhooks import Webhook

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(slots=True)
class OutsideServices:
    """What they were asked, and what they answer: hook and model by `score` and `reasons`."""

    url: str = ""
    score: Any = 0.0
    reasons: Any = field(default_factory=list)
    akismet: str = "false"
    asked: list[dict[str, Any]] = field(default_factory=list)
    reported: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def hook(self, request: web.Request) -> web.Response:
        """Answer only what verifies."""
        at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
        expected = Webhook(SECRET).sign(request.headers["webhook-id"], at, await request.text())
        assert request.headers["webhook-signature"] == expected
        event = await request.json()
        assert event["type"] == "comment.check"
        self.asked.append(event["data"])
        return web.json_response({"score": self.score, "reasons": self.reasons})

    async def model(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer key of the model"
        chat = await request.json()
        assert chat["model"] == "small"
        system, user = chat["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        data = orjson.loads(user["content"])
        assert data["body"] not in system["content"]
        self.asked.append(data)
        said = orjson.dumps({"score": self.score, "reasons": self.reasons}).decode()
        return web.json_response({"choices": [{"message": {"role": "assistant", "content": said}}]})

    async def check(self, request: web.Request) -> web.Response:
        self.asked.append(dict(await request.post()))
        return web.Response(text=self.akismet)

    async def submit(self, request: web.Request) -> web.Response:
        self.reported.append((request.match_info["what"], dict(await request.post())))
        return web.Response(text="Thanks for making the web a better place.")


@asynccontextmanager
async def outside_services() -> AsyncIterator[OutsideServices]:
    services = OutsideServices()
    app = web.Application()
    app.router.add_post("/hook", services.hook)
    app.router.add_post("/chat", services.model)
    app.router.add_post("/1.1/comment-check", services.check)
    app.router.add_post("/1.1/submit-{what}", services.submit)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    services.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield services
    await runner.cleanup()
