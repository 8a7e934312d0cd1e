"""Those who read what a site publishes, each in its own way, and hold what they know of it.

`FOLLOWERS` are all of them: another way to read is another class there.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.support.event_stream import connected
from tests.support.webhook_receiver import Receiver, Taken

SITE = "coop"
_AGAIN_AFTER = 0.05
_TIMEOUT = ClientTimeout(total=60)

Shown = dict[str, tuple[str, str]]
"""Page and text of each comment, by id."""

_WORD = re.compile(r"(?:detto|taciuto|segreto)\d+")


def text(number: int) -> str:
    """Return a text whose words are in no other one."""
    return f"detto{number} taciuto{number} segreto{number}"


def says_only(said: object, allowed: set[str]) -> bool:
    """Tell whether words of texts, wherever they stand in an answer, are all of texts that are allowed."""
    return set(_WORD.findall(str(said))) <= {word for one in allowed for word in _WORD.findall(one)}


@dataclass(slots=True)
class World:
    """What followers may ask and are held to: where the service is now, and which texts were ever public there."""

    http: ClientSession
    receiver: Receiver
    """To which the site's webhook posts."""
    restores: int = 0
    """How often a backup was restored: whoever is told to start again, is so because of one."""
    url: str = ""
    """Empty while none runs: whoever connects just when it stops may be dropped by asyncio without a word."""
    ever_public: set[str] = field(default_factory=set)
    public: set[str] = field(default_factory=set)

    async def get(self, path: str, **query: str) -> tuple[int, Any]:
        """Ask the service; raise ClientError while there is none."""
        if not self.url:
            raise ClientError
        async with self.http.get(f"{self.url}{path}", params=query, timeout=_TIMEOUT) as answer:
            return answer.status, await answer.json()


class Follower(Protocol):
    """Reads while it is connected; what it was told before is what it holds."""

    shown: Shown

    @property
    def titles(self) -> Mapping[str, str | None]:
        """What the pages of these comments are called, by address."""

    def __init__(self, world: World) -> None: ...

    async def connect(self) -> None:
        """Begin, or go on where it stopped; do nothing where it is connected."""

    async def disconnect(self) -> None:
        """Stop in the middle of whatever comes; do nothing where it is not connected."""


class ByList:
    """Reads every page of the site anew, as a site's build does."""

    def __init__(self, world: World) -> None:
        self.shown: Shown = {}
        self._titles: dict[str, str | None] = {}
        self._world = world

    @property
    def titles(self) -> Mapping[str, str | None]:
        return self._titles

    async def connect(self) -> None:
        shown: Shown = {}
        _, site = await self._world.get("/api/v1/pages", site=SITE, limit="200")
        for page in site["pages"]:
            _, listed = await self._world.get("/api/v1/comments", page_url=page["page_url"], limit="200")
            assert says_only(listed, self._world.public), listed
            shown |= {one["id"]: (page["page_url"], one["body"]) for one in listed["comments"]}
        assert {text for _, text in shown.values()} <= self._world.public
        self.shown, self._titles = shown, {page["page_url"]: page["page_title"] for page in site["pages"]}

    async def disconnect(self) -> None:
        pass


class OfFeed:
    """Applies changes to what it holds."""

    def __init__(self, world: World) -> None:
        self.shown: Shown = {}
        self._titles: dict[str, str | None] = {}
        self._world = world
        self._restores = 0

    @property
    def titles(self) -> Mapping[str, str | None]:
        pages = {page for page, _ in self.shown.values()}
        return {page: title for page, title in self._titles.items() if page in pages}

    def apply(self, change: dict[str, Any], allowed: set[str]) -> None:
        """Take in a change; its text must be one of those `allowed`."""
        self.shown.pop(change["comment_id"], None)
        assert says_only(change, allowed), change
        if change["comment"] is not None:
            text = change["comment"]["body"]
            assert text in allowed, f"{change['type']} {text}"
            self.shown[change["comment_id"]] = (change["page_url"], text)
        self._titles[change["page_url"]] = change["page_title"]

    def forget(self) -> None:
        """Begin again, as the database was restored since this was last done."""
        assert self._world.restores > self._restores, "told to start again for nothing"
        self._restores = self._world.restores
        self.shown, self._titles = {}, {}


class ByChanges(OfFeed):
    """Reads the change feed to its end whenever it connects."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._place: dict[str, str] = {"after": "0"}

    async def connect(self) -> None:
        while await self.read(self._world.public):
            pass

    async def disconnect(self) -> None:
        pass

    async def read(self, allowed: set[str], **query: str) -> bool:
        """Take in a slice; tell whether there may be more."""
        status, feed = await self._world.get("/api/v1/changes", site=SITE, limit="7", **self._place, **query)
        if status == 410:
            self.forget()
            self._place = {"after": "0"}
            return True
        if status != 200:
            raise ClientError(status)
        for change in feed["changes"]:
            self.apply(change, allowed)
        self._place = {"after": str(feed["next"]), "epoch": feed["epoch"]}
        return bool(feed["changes"])


class InBackground:
    """Runs until it is disconnected, also over a service that stops and starts again."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def begin(self, read: Callable[[], Any]) -> None:
        if self._task is not None and self._task.done():
            self._task.result()
        self._task = self._task or asyncio.create_task(self._keep_on(read))

    async def end(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _keep_on(self, read: Callable[[], Any]) -> None:
        while True:
            with suppress(ClientError, OSError, TimeoutError):
                await read()
            await asyncio.sleep(_AGAIN_AFTER)


class ByWaiting(ByChanges):
    """Asks for changes and waits until there are some, again and again."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._background = InBackground()

    async def connect(self) -> None:
        self._background.begin(self._wait)

    async def disconnect(self) -> None:
        await self._background.end()

    async def _wait(self) -> None:
        while True:
            await self.read(self._world.ever_public, wait="30")


class ByStream(OfFeed):
    """Reads the stream, and hands its last id back when it comes again."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._background = InBackground()
        self._last_id = ""

    async def connect(self) -> None:
        self._background.begin(self._read)

    async def disconnect(self) -> None:
        await self._background.end()

    async def _read(self) -> None:
        if not self._world.url:
            return
        url = f"{self._world.url}/api/v1/stream"
        async with connected(self._world.http, last_id=self._last_id, url=url, after="0") as source:
            while (event := await source.next()) is not None:
                if event.kind == "reset":
                    self.forget()
                else:
                    self.apply(event.data, self._world.ever_public)
                self._last_id = event.id


class ByWebhook(OfFeed):
    """Is told by a webhook, in whatever order; after a restored backup it reads the feed from the start.

    Where it is not connected it refuses what is posted to it, or takes it and fails before it has said so.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._numbers: dict[str, int] = {}
        self._titled_by: dict[str, int] = {}
        self._is_connected = False
        self._failures = 0
        world.receiver.answer = self._take

    async def connect(self) -> None:
        if self._restores < self._world.restores:
            self.forget()
            self._numbers, self._titled_by = {}, {}
            await self._read_all()
        self._is_connected = True

    async def disconnect(self) -> None:
        self._is_connected = False

    async def _read_all(self) -> None:
        place: dict[str, str] = {"after": "0"}
        while True:
            status, feed = await self._world.get("/api/v1/changes", site=SITE, **place)
            assert status == 200, feed
            if not feed["changes"]:
                return
            for change in feed["changes"]:
                self._apply_newer(change)
            place = {"after": str(feed["next"]), "epoch": feed["epoch"]}

    def _take(self, post: Taken) -> int:
        if self._restores == self._world.restores and (self._is_connected or self._failures % 2):
            self._apply_newer(post.event["data"])
        self._failures += not self._is_connected
        return 204 if self._is_connected else 503

    def _apply_newer(self, change: dict[str, Any]) -> None:
        """Take in a change unless a newer one of the same comment was."""
        number, page = change["number"], change["page_url"]
        title = self._titles.get(page)
        if number >= self._numbers.get(change["comment_id"], 0):
            self._numbers[change["comment_id"]] = number
            self.apply(change, self._world.ever_public)
        if number < self._titled_by.get(page, 0):
            self._titles[page] = title
        else:
            self._titled_by[page], self._titles[page] = number, change["page_title"]


FOLLOWERS: tuple[type[Follower], ...] = (ByList, ByChanges, ByWaiting, ByStream, ByWebhook)
