"""All who use a service at once, for as long as it runs, and the book of what each was answered."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.support.factories import a_submission, bearer
from tests.support.mailed import pressed
from tests.support.smtp import MailServer

PAGES = 40
_POSTERS, _READERS = 3, 4
_TIMEOUT = ClientTimeout(total=20)
_AGAIN_AFTER = 0.3
_WORDS = [
    "la",
    "cooperativa",
    "apre",
    "domani",
    "un",
    "nuovo",
    "orto",
    "e",
    "cerca",
    "chi",
    "porta",
    "acqua",
    "semi",
    "sedie",
    "tempo",
    "idee",
    "pane",
    "vino",
    "strada",
    "lettera",
    "treno",
    "bicicletta",
    "scuola",
    "finestra",
    "mercato",
    "inverno",
    "musica",
    "fiume",
    "ponte",
    "collina",
    "rumore",
    "silenzio",
    "vicino",
]


@dataclass(slots=True)
class Books:
    """What was asked and answered."""

    asked: set[str] = field(default_factory=set)
    """Keys of posts that may have been stored: sent, and not refused."""
    accepted: dict[str, str] = field(default_factory=dict)
    """The comment of each key that was answered by 202."""
    receipts: dict[str, str] = field(default_factory=dict)
    """The token of each comment's author."""
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often what was asked was answered by which status; 0 where no answer came."""
    wrong: list[str] = field(default_factory=list)
    """Answers that nothing explains, whatever the machine went through."""
    public: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The approved comments of the site as a mirror holds them that follows its changes."""
    told_by_webhook: set[str] = field(default_factory=set)

    def note(self, what: str, status: int, body: bytes, expected: frozenset[int]) -> None:
        self.answers[what, status] += 1
        if status and status not in expected:
            self.wrong.append(f"{what}: {status} {body[:200]!r}")


@dataclass(slots=True)
class Visitors:
    """Those who post, read, decide, report, edit and follow; `end` stops them."""

    url: str
    books: Books
    chance: random.Random
    mailbox: MailServer
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: "count[int]" = field(default_factory=count)
    _place: tuple[int, str | None] = (0, None)

    async def act(self) -> None:
        """Do all of it until it is ended."""
        async with ClientSession(self.url, timeout=_TIMEOUT) as http, asyncio.TaskGroup() as group:
            for what, often, pause in (
                (self._post, _POSTERS, 0.15),
                (self._read, _READERS, 0.08),
                (self._moderate, 1, 0.4),
                (self._press_a_mailed_link, 1, 1.5),
                (self._report, 1, 0.6),
                (self._edit_or_withdraw, 1, 0.5),
                (self._follow, 1, 0.3),
            ):
                for _ in range(often):
                    group.create_task(self._repeat(what, http, pause))

    def end(self) -> None:
        self._over.set()

    async def _repeat(
        self, act: Callable[[ClientSession], Awaitable[None]], http: ClientSession, pause: float
    ) -> None:
        while not self._over.is_set():
            await act(http)
            await self._pause(self.chance.uniform(0.5, 1.5) * pause)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    async def _ask(
        self,
        http: ClientSession,
        what: str,
        method: str,
        path: str,
        expected: set[int],
        **options: Any,
    ) -> tuple[int, bytes]:
        """Ask, and note the answer; 0 where none came. 503 may come from every route."""
        try:
            async with http.request(method, path, allow_redirects=False, **options) as answer:
                status, body = answer.status, await answer.read()
        except (ClientError, TimeoutError):
            status, body = 0, b""
        self.books.note(what, status, body, frozenset({503, *expected}))
        return status, body

    async def _post(self, http: ClientSession) -> None:
        """Post one comment, and again with the same key until there is an answer: it must be stored once."""
        key = f"soak-{next(self._numbers)}"
        headers = {"Idempotency-Key": key} | self._from_anywhere()
        page = f"https://www.example.org/pagina/{self.chance.randrange(PAGES)}"
        fields = a_submission(
            page_url=page, body=self._text(), author_email=f"v{self.chance.randrange(500)}@example.com"
        )
        if self.books.public and self.chance.random() < 0.3:
            parent = self.chance.choice(list(self.books.public.values()))
            fields |= {"page_url": parent["page_url"], "parent_id": parent["comment_id"]}
        self.books.asked.add(key)
        while True:
            expected = {202, 409, 422, 429}
            status, body = await self._ask(
                http, "post", "POST", "/api/v1/comments", expected, json=fields, headers=headers
            )
            if status == 202:
                self._accepted(key, orjson.loads(body))
            elif status in (0, 503) and not self._over.is_set():
                await self._pause(_AGAIN_AFTER)
                continue
            elif status in expected:
                self.books.asked.discard(key)
            return

    def _accepted(self, key: str, answer: dict[str, Any]) -> None:
        if answer["id"] in self.books.receipts:
            self.books.wrong.append(f"the id {answer['id']} was given to two posts")
        self.books.accepted[key] = answer["id"]
        self.books.receipts[answer["id"]] = answer["receipt_url"].rpartition("/")[2]

    async def _read(self, http: ClientSession) -> None:
        page = f"https://www.example.org/pagina/{self.chance.randrange(PAGES)}"
        paths = [
            f"/api/v1/comments?page_url={page}",
            f"/api/v1/comments?page_url={page}&view=threads&limit=20",
            f"/api/v1/counts?page_url={page}",
            "/api/v1/latest?site=coop",
            "/api/v1/pages?site=coop",
            f"/comments?page_url={page}",
            "/feeds/atom?site=coop",
            f"/embed/comments.html?page_url={page}",
            "/health/live",
            "/nowhere",
        ]
        if self.books.public:
            paths.append(f"/api/v1/comments/{self.chance.choice(list(self.books.public))}")
        path = self.chance.choice(paths)
        await self._ask(http, "read", "GET", path, {404} if path == "/nowhere" else {200, 404})

    async def _moderate(self, http: ClientSession) -> None:
        """Decide on some of what waits, and now and then take back what was decided."""
        expected = {200}
        query = {"status": self.chance.choice(["pending", "pending", "pending", "approved"]), "limit": "50"}
        path = "/api/v1/moderation/comments"
        status, body = await self._ask(http, "queue", "GET", path, expected, params=query, headers=bearer())
        if status != 200:
            return
        found = [one["id"] for one in orjson.loads(body)["comments"]]
        some = self.chance.sample(found, min(len(found), self.chance.randrange(1, 12)))
        if query["status"] == "approved":
            decisions = [
                {"id": one, "decision": self.chance.choice(["undo", "reject", "spam"])} for one in some[:2]
            ]
        else:
            choices = ["approve"] * 7 + ["reject"] * 2 + ["spam"]
            decisions = [{"id": one, "decision": self.chance.choice(choices)} for one in some]
        if decisions:
            await self._ask(
                http,
                "decide",
                "POST",
                "/api/v1/moderation/decisions",
                expected,
                json={"decisions": decisions},
                headers=bearer(),
            )

    async def _press_a_mailed_link(self, http: ClientSession) -> None:
        if not self.mailbox.mails:
            return
        mail = self.chance.choice(self.mailbox.mails[-20:])
        links = [one for one in mail.links() if one.endswith(("/approve", "/reject", "/spam"))]
        if not links:
            return
        path = urlsplit(self.chance.choice(links)).path
        expected = {200, 403, 404, 409, 410}
        await self._ask(http, "open a link", "GET", path, expected)
        await self._ask(http, "press", "POST", path, expected, data=pressed(path))

    async def _report(self, http: ClientSession) -> None:
        if self.books.public:
            path = f"/api/v1/comments/{self.chance.choice(list(self.books.public))}/reports"
            body = {"reason": "insult", "explanation": self._text()}
            await self._ask(
                http, "report", "POST", path, {202, 404, 429}, json=body, headers=self._from_anywhere()
            )

    async def _edit_or_withdraw(self, http: ClientSession) -> None:
        newest = list(self.books.receipts.values())[-20:]
        if not newest:
            return
        path = f"/api/v1/receipts/{self.chance.choice(newest)}"
        expected = {200, 404, 409, 422, 429}
        if self.chance.random() < 0.8:
            await self._ask(
                http, "edit", "PATCH", path, expected, json={"body": self._text()}, headers=self._from_anywhere()
            )
        else:
            await self._ask(http, "withdraw", "DELETE", path, expected)

    async def _follow(self, http: ClientSession) -> None:
        """Take over what changed, as the mirror of the documentation does."""
        number, epoch = self._place
        query = {"site": "coop", "after": str(number), "limit": "500"} | ({"epoch": epoch} if epoch else {})
        status, body = await self._ask(http, "changes", "GET", "/api/v1/changes", {200, 410}, params=query)
        if status == 410:
            self.books.wrong.append(f"the feed's history of {epoch} is said to be another one at {number}")
            self.books.public.clear()
            self._place = 0, None
        if status != 200:
            return
        feed = orjson.loads(body)
        for change in feed["changes"]:
            if change["number"] <= number:
                self.books.wrong.append(f"change {change['number']} came behind {number}")
            number = change["number"]
            if change["comment"] is None:
                self.books.public.pop(change["comment_id"], None)
            else:
                self.books.public[change["comment_id"]] = change
        self._place = feed["next"], feed["epoch"]

    async def catch_up(self) -> None:
        """Follow to the end of what changed."""
        async with ClientSession(self.url, timeout=_TIMEOUT) as http:
            before = None
            while before != self._place:
                before = self._place
                await self._follow(http)

    def _text(self) -> str:
        return " ".join(self.chance.choices(_WORDS, k=self.chance.randrange(6, 60))).capitalize() + "."

    def _from_anywhere(self) -> dict[str, str]:
        """The header of our proxy for a client of one of some thousand networks."""
        return {"X-Forwarded-For": f"203.{self.chance.randrange(64)}.{self.chance.randrange(64)}.7"}
