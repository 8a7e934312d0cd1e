"""Whatever happens to comments, all who follow a site end with the same, and saw nothing that was not public."""

import asyncio
import copy
import os
import re
import shutil
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop
from aiohttp import ClientSession
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from moderation_service import config
from moderation_service.domain.comments.proofs import SubscriptionLinks
from moderation_service.runtime import container
from moderation_service.services.operations import consistency, erasing
from tests.conftest import ENGINES, TEMPLATE, create_database, drop_databases
from tests.support.factories import PAGE, SITES, a_submission, bearer, environ_of
from tests.support.followers import FOLLOWERS, Follower, World, text
from tests.support.running import Running, running, until
from tests.support.webhook_receiver import listing, receiving

HISTORIES = int(os.environ.get("MODERATION_TEST_HISTORIES", "0"))
"""How many histories are made on each engine; without a number few, which each begin with all that there is."""

FEW = 2
STEPS = 14
PAGES = 3
_LONGER_THAN_A_WEBHOOK_WAITS = timedelta(hours=2)
_TITLES = st.sampled_from([None, "Chi siamo", "Storia"])
_NAMES = st.sampled_from([one.__name__ for one in FOLLOWERS])
_MARK = "[…]"
_MARKS = re.compile(r"\[…\](?: \[…\])+")
Result = TypeVar("Result")


@dataclass(slots=True)
class Comment:
    """A comment as its author and the moderators know it; the site's own have no receipt."""

    text: str
    receipt: str = ""
    status: str = "pending"
    edit: str | None = None
    before: tuple[str, str, str | None] = ("pending", "", None)
    """Where it stood before the last decision, its text then, and the edit that waited."""
    has_objected: bool = False
    answer: str | None = None
    """The comment in which the site answered, where that is the last decision."""
    is_untouched: bool = False
    """Whether it is an answer on which nobody has decided since."""

    @property
    def newest(self) -> str:
        """The text that a decision is about."""
        return self.text if self.edit is None else self.edit

    def decided(self, decision: str, left: str = "") -> None:
        """Follow a decision that was taken; `left` is what a redaction leaves."""
        self.answer, self.is_untouched = None, False
        if decision == "undo":
            _, self.text, self.edit = self.before
            return
        self.before = (self.status, self.text, self.edit)
        if decision == "approve":
            self.text = self.newest
        elif decision == "redact":
            self.text = left
        self.edit = None


@dataclass(slots=True)
class Known:
    """What a database holds: comes back with it when it is restored."""

    comments: dict[str, Comment] = field(default_factory=dict)

    def public(self) -> set[str]:
        return {one.text for one in self.comments.values() if one.status == "approved"}


class Databases:
    """Makes databases: empty ones with the schema in place, and copies of those on which no service runs."""

    def __init__(self, url_of: Callable[[str], str], template: str) -> None:
        self._url_of, self._template = url_of, template
        self._prefix = f"history-{os.getpid()}"
        self._numbers = count()

    async def make(self, source: str | None = None) -> str:
        """Make one, as a copy of another where one is named; its name."""
        name = f"{self._prefix}-{next(self._numbers)}"
        source = source or self._template
        if self.are_files:
            for ending in ("", ".writers"):
                shutil.copyfile(f"{self._path(source)}{ending}", f"{self._path(name)}{ending}")
        else:
            await create_database(self._url_of("postgres"), name, source)
        return name

    async def drop_all(self) -> None:
        if not self.are_files:
            await drop_databases(self._url_of("postgres"), self._prefix)

    def url(self, name: str) -> str:
        return self._url_of(name)

    @property
    def are_files(self) -> bool:
        return self._url_of("x").startswith("sqlite:")

    def _path(self, name: str) -> str:
        return self._url_of(name).removeprefix("sqlite:///")


class History(RuleBasedStateMachine):
    """One site's history: what its visitors, moderators and operators do, and who reads meanwhile."""

    databases: Databases
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._numbers = count()
        self._known = Known()
        self._backup: tuple[str, Known] | None = None
        self._is_backed_up = True
        self._has_lost_some = False
        self._ahead = timedelta()
        self._serving = AsyncExitStack()
        self._receiving = AsyncExitStack()
        self._run(self._begin())

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.run(work)

    async def _begin(self) -> None:
        self._http = ClientSession()
        receiver = await self._receiving.enter_async_context(receiving())
        self._sites = self.folder / "sites.toml"
        self._write_sites(receiver.url)
        self._world = World(self._http, receiver)
        self._followers: dict[str, Follower] = {one.__name__: one(self._world) for one in FOLLOWERS}
        self._database = await self.databases.make()
        await self._serve()
        for follower in self._followers.values():
            await follower.connect()

    def _write_sites(self, receiver: str) -> None:
        self._sites.write_text(listing(SITES, {"id": "mirror", "url": receiver}), encoding="utf-8")

    def _now(self) -> datetime:
        return container.utc_now() + self._ahead

    async def _serve(self) -> None:
        environ = environ_of(self.databases.url(self._database), "smtp://127.0.0.1:9", self._sites)
        environ |= {"MODERATION_LISTEN": "127.0.0.1:0", "MODERATION_SCREENING": "off"}
        self._service: Running = await self._serving.enter_async_context(running(config.read(environ), self._now))
        self._world.url = self._service.url

    async def _stop(self) -> None:
        self._world.url = ""
        await self._serving.aclose()

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        url = f"{self._world.url}{path}"
        async with self._http.request(method, url, json=body, headers=bearer()) as answer:
            assert answer.status < 300, await answer.text()
            found = await answer.json()
        self._note()
        return found

    def _note(self) -> None:
        """Note what is public now: what is being decided is so before it is answered."""
        self._is_backed_up = False
        self._world.public = self._known.public()
        self._world.ever_public |= self._world.public

    def _chosen(self, which: int, *statuses: str, by_author: bool = False) -> str | None:
        ids = [
            one
            for one, comment in self._known.comments.items()
            if (not statuses or comment.status in statuses) and (comment.receipt or not by_author)
        ]
        return ids[which % len(ids)] if ids else None

    @initialize(page=st.integers(0, PAGES - 1))
    def begin(self, page: int) -> None:
        """Do each thing once in the order in which it matters, which few steps that are drawn seldom do."""
        shortened, edited, answered, waits, objects = (self._post(page, None) for _ in range(5))
        self._redact(shortened)
        self._decide(edited, "approve")
        self._edit(edited)
        self._redact(edited)
        self._report(edited)
        self._decide(edited, "approve")
        self._decide(answered, "approve")
        self._answer(answered)
        self._answer(waits)
        self._decide(answered, "undo")
        self._decide(objects, "reject")
        self._object(objects)
        self._decide(objects, "approve")

    @rule(page=st.integers(0, PAGES - 1), title=_TITLES, wants_mail=st.booleans())
    def post(self, page: int, title: str | None, wants_mail: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self._post(page, title, wants_mail=wants_mail)

    @rule(pages=st.lists(st.integers(0, PAGES - 1), min_size=1, max_size=4), title=_TITLES)
    def publish(self, pages: list[int], title: str | None) -> None:
        for page in pages:
            self._decide(self._post(page, title), "approve")

    def _post(self, page: int, title: str | None, *, wants_mail: bool = False) -> str:
        body = a_submission(
            page_url=f"{PAGE}/{page}",
            page_title=title,
            body=text(next(self._numbers)),
            notify_published=wants_mail,
            notify_replies=wants_mail,
        )
        receipt = self._run(self._ask("POST", "/api/v1/comments", body))
        comment_id: str = receipt["id"]
        self._known.comments[comment_id] = Comment(body["body"], receipt["receipt_url"].rpartition("/")[2])
        return comment_id

    @precondition(lambda self: self._known.comments)
    @rule(which=st.integers(0, 99), decision=st.sampled_from(["approve", "approve", "reject", "spam", "undo"]))
    def decide(self, which: int, decision: str) -> None:
        comment_id = self._chosen(which)
        assert comment_id is not None
        self._decide(comment_id, decision)

    def _decide(self, comment_id: str, decision: str) -> None:
        comment = self._known.comments[comment_id]
        if decision == "approve":
            self._world.ever_public.add(comment.newest)
        elif decision == "undo" and comment.before[0] == "approved":
            self._world.ever_public.add(comment.before[1])
        result = self._ask_for(comment_id, decision)
        if result["outcome"] == "done":
            answer = self._known.comments.get(comment.answer or "")
            if decision == "undo" and answer is not None and answer.is_untouched:
                answer.decided("reject")
                answer.status = "rejected"
            comment.decided(decision)
        comment.status = result["status"]
        self._note()

    def _ask_for(self, comment_id: str, decision: str, body: str | None = None) -> dict[str, str]:
        """Ask for a decision, and return what became of it."""
        asked = {"id": comment_id, "decision": decision} | ({} if body is None else {"body": body})
        found = self._run(self._ask("POST", "/api/v1/moderation/decisions", {"decisions": [asked]}))
        result: dict[str, str] = found["results"][0]
        return result

    @precondition(lambda self: self._chosen(0, "pending", "approved"))
    @rule(which=st.integers(0, 99), is_undone=st.booleans())
    def answer(self, which: int, is_undone: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        comment_id = self._chosen(which, "pending", "approved")
        assert comment_id is not None
        self._answer(comment_id)
        if is_undone:
            self._decide(comment_id, "undo")

    def _answer(self, comment_id: str) -> None:
        comment, said = self._known.comments[comment_id], text(next(self._numbers))
        self._world.ever_public |= {comment.text, said}
        assert self._ask_for(comment_id, "answer", said)["outcome"] == "done"
        history = self._run(self._ask("GET", f"/api/v1/moderation/comments/{comment_id}/history"))["history"]
        answer_id = history[-1]["answer_id"]
        comment.before, comment.status = (comment.status, comment.text, None), "approved"
        comment.answer, comment.is_untouched = answer_id, False
        self._known.comments[answer_id] = Comment(said, status="approved", is_untouched=True)
        self._note()

    @precondition(lambda self: self._known.comments)
    @rule(which=st.integers(0, 99), is_undone=st.booleans())
    def redact(self, which: int, is_undone: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        comment_id = self._chosen(which)
        assert comment_id is not None
        if len(self._known.comments[comment_id].newest.replace(_MARK, "").split()) > 1:
            self._redact(comment_id)
        if is_undone:
            self._decide(comment_id, "undo")

    def _redact(self, comment_id: str) -> None:
        """Take a word out of the newest text of a comment, wherever that stands."""
        comment = self._known.comments[comment_id]
        word = [one for one in comment.newest.split() if one != _MARK][-1]
        left = _MARKS.sub(_MARK, comment.newest.replace(word, _MARK))
        self._world.ever_public.add(left)
        result = self._ask_for(comment_id, "redact", comment.newest.replace(word, ""))
        if result["outcome"] == "done":
            comment.decided("redact", left)
        comment.status = result["status"]
        self._note()

    @precondition(lambda self: self._chosen(0, "approved"))
    @rule(which=st.integers(0, 99), decision=st.sampled_from([None, "approve", "reject", "undo"]))
    def report(self, which: int, decision: str | None) -> None:
        comment_id = self._chosen(which, "approved")
        assert comment_id is not None
        self._report(comment_id)
        if decision is not None:
            self._decide(comment_id, decision)

    def _report(self, comment_id: str) -> None:
        explanation = text(next(self._numbers))
        asked = {"reason": "insult", "explanation": explanation, "reporter_email": "lettore@example.com"}
        self._run(self._ask("POST", f"/api/v1/comments/{comment_id}/reports", asked))

    @precondition(lambda self: self._chosen(0, "rejected", by_author=True))
    @rule(which=st.integers(0, 99))
    def object_to_rejection(self, which: int) -> None:
        comment_id = self._chosen(which, "rejected", by_author=True)
        assert comment_id is not None
        if not self._known.comments[comment_id].has_objected:
            self._object(comment_id)

    def _object(self, comment_id: str) -> None:
        comment = self._known.comments[comment_id]
        asked = {"text": text(next(self._numbers))}
        self._run(self._ask("POST", f"/api/v1/receipts/{comment.receipt}/objection", asked))
        comment.status, comment.has_objected = "pending", True

    @precondition(lambda self: self._chosen(0, by_author=True))
    @rule(which=st.integers(0, 99), ends=st.booleans())
    def prove_address(self, which: int, ends: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """Press the button behind the mail that proves an address, or end all mail to it at once."""
        comment_id = self._chosen(which, by_author=True)
        assert comment_id is not None

        async def work() -> None:
            opened = self._service.container
            links, subscriptions = SubscriptionLinks(opened.keys, self._now), opened.web.subscriptions
            await subscriptions.confirm(await subscriptions.find(links.confirming(comment_id)))
            if ends:
                await subscriptions.end(await subscriptions.find(links.ending(comment_id)), everything=True)

        self._run(work())

    @precondition(lambda self: self._known.comments)
    @rule(which=st.integers(0, 99))
    def erase(self, which: int) -> None:
        comment_id = self._chosen(which)
        assert comment_id is not None

        async def work() -> None:
            opened = self._service.container
            await erasing.erase(opened.database, [comment_id], now=self._now())
            await opened.tail.catch_up()

        del self._known.comments[comment_id]
        self._run(work())
        self._note()

    @precondition(lambda self: self._chosen(0, "pending", by_author=True))
    @rule(which=st.integers(0, 99), withdraws=st.booleans())
    def change_mind(self, which: int, withdraws: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        comment_id = self._chosen(which, "pending", by_author=True)
        assert comment_id is not None
        comment = self._known.comments[comment_id]
        path = f"/api/v1/receipts/{comment.receipt}"
        if withdraws:
            self._run(self._ask("DELETE", path))
            comment.status = "withdrawn"
        else:
            comment.text = text(next(self._numbers))
            self._run(self._ask("PATCH", path, {"body": comment.text}))

    @precondition(lambda self: self._chosen(0, "approved", by_author=True))
    @rule(which=st.integers(0, 99), takes_back=st.booleans(), is_shortened=st.booleans())
    def edit_published(self, which: int, takes_back: bool, is_shortened: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        comment_id = self._chosen(which, "approved", by_author=True)
        assert comment_id is not None
        comment = self._known.comments[comment_id]
        if takes_back and comment.edit is not None:
            self._run(self._ask("DELETE", f"/api/v1/receipts/{comment.receipt}"))
            comment.edit = None
            return
        self._edit(comment_id)
        if is_shortened:
            self._redact(comment_id)

    def _edit(self, comment_id: str) -> None:
        comment = self._known.comments[comment_id]
        comment.edit = text(next(self._numbers))
        self._run(self._ask("PATCH", f"/api/v1/receipts/{comment.receipt}", {"body": comment.edit}))

    @rule(page=st.integers(0, PAGES - 1), to=st.integers(0, PAGES - 1))
    def move(self, page: int, to: int) -> None:
        asked = {"pages": [{"page_url": f"{PAGE}/{page}", "move_to": f"{PAGE}/{to}"}]}
        self._run(self._ask("POST", "/api/v1/moderation/pages", asked))

    @rule(page=st.integers(0, PAGES - 1), title=st.sampled_from([None, "Un titolo", "Un altro"]))
    def name_page(self, page: int, title: str | None) -> None:
        asked = {"pages": [{"page_url": f"{PAGE}/{page}", "page_title": title}]}
        self._run(self._ask("POST", "/api/v1/moderation/pages", asked))

    @rule(name=_NAMES)
    def connect(self, name: str) -> None:
        self._run(self._connect(self._followers[name]))

    async def _connect(self, *followers: Follower) -> None:
        """Connect some, and let so much time pass that whoever refused a webhook is asked again."""
        self._ahead += _LONGER_THAN_A_WEBHOOK_WAITS
        for follower in followers:
            await follower.connect()

    @rule(name=_NAMES)
    def disconnect(self, name: str) -> None:
        self._run(self._followers[name].disconnect())

    @precondition(lambda self: not self._is_backed_up)
    @rule()
    def back_up(self) -> None:
        async def work() -> str:
            await self._stop()
            name = await self.databases.make(self._database)
            await self._serve()
            return name

        self._backup = (self._run(work()), copy.deepcopy(self._known))
        self._is_backed_up = True

    @precondition(lambda self: self._backup is not None)
    @rule(pages=st.lists(st.integers(0, PAGES - 1), max_size=3))
    def restore(self, pages: list[int]) -> None:
        assert self._backup is not None
        name, known = self._backup

        async def work() -> None:
            await self._stop()
            self._database = await self.databases.make(name)
            self._known = copy.deepcopy(known)
            self._note()
            self._world.restores += 1
            await self._serve()

        self._run(work())
        if pages:
            self.publish(pages=pages, title=None)

    @rule(
        lost=st.lists(st.integers(0, PAGES - 1), min_size=1, max_size=3),
        more=st.integers(0, 2),
        is_read=st.booleans(),
    )
    def lose(self, lost: list[int], more: int, is_read: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """Restore a backup, and give out as many numbers anew as were lost, before any follower asks again."""
        self._has_lost_some = True
        self.back_up()
        self.publish(pages=lost, title=None)
        self._run(self._connect(*self._followers.values()))
        if is_read:
            self._run(self._all_hold_the_same())
        for follower in self._followers.values():
            self._run(follower.disconnect())
        self.restore(pages=[*lost, *lost[:more]])

    def teardown(self) -> None:
        try:
            if not self._has_lost_some:
                self.lose(lost=[0], more=0, is_read=True)
            self._run(self._agree())
        finally:
            self._run(self._end())
            self._runner.close()

    async def _agree(self) -> None:
        await self._connect(*self._followers.values())
        await self._all_hold_the_same()
        differences = await consistency.differences(self._service.container.database)
        assert not any(differences.values()), differences

    async def _all_hold_the_same(self) -> None:
        listed = self._followers["ByList"]
        texts = sorted(text for _, text in listed.shown.values())
        assert texts == sorted(self._known.public())
        for follower in self._followers.values():
            await until(partial(_hold_the_same, follower, listed))

    async def _end(self) -> None:
        for follower in self._followers.values():
            await follower.disconnect()
        await self._stop()
        await self._http.close()
        await self._receiving.aclose()


def _hold_the_same(one: Follower, other: Follower) -> bool:
    return (one.shown, one.titles) == (other.shown, other.titles)


@pytest.mark.timeout(max(1_200, 60 * HISTORIES))
@pytest.mark.parametrize("engine", ENGINES)
def test_all_followers_agree_in_the_end(
    engine: str, request: pytest.FixtureRequest, migrated_file: Path, tmp_path: Path
) -> None:
    if engine == "sqlite":
        for ending in ("", ".writers"):
            shutil.copyfile(f"{migrated_file}{ending}", f"{tmp_path}/migrated.db{ending}")
        databases = Databases(lambda name: f"sqlite:///{tmp_path}/{name}.db", "migrated")
    else:
        databases = Databases(request.getfixturevalue("postgresql"), TEMPLATE)
    machine = type("HistoryOfEngine", (History,), {"databases": databases, "folder": tmp_path})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=HISTORIES or FEW,
                derandomize=not HISTORIES,  # the few are the same each time, the many are not
                stateful_step_count=STEPS,
                deadline=None,
                phases=[Phase.generate],  # a history takes seconds, and shrinking one would try hundreds
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        asyncio.run(databases.drop_all())
