"""Whatever happens to comments, all who follow a site end with the same, and saw nothing that was not public."""

import asyncio
import copy
import os
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
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from moderation_service import config
from moderation_service.runtime import container
from tests.conftest import ENGINES, TEMPLATE, create_database, drop_databases
from tests.support.factories import PAGE, SITES, a_submission, bearer, environ_of
from tests.support.followers import FOLLOWERS, Follower, World
from tests.support.running import running, until
from tests.support.webhook_receiver import listing, receiving

HISTORIES = int(os.environ.get("MODERATION_TEST_HISTORIES", "0"))
"""How many histories are made on each engine; without a number few, fewer where databases take long to copy."""

FEW = {"sqlite": 3, "postgresql": 2}

STEPS = 20
PAGES = 3
_LONGER_THAN_A_WEBHOOK_WAITS = timedelta(hours=2)
_TITLES = st.sampled_from([None, "Chi siamo", "Storia"])
_NAMES = st.sampled_from([one.__name__ for one in FOLLOWERS])
Result = TypeVar("Result")


@dataclass(slots=True)
class Comment:
    """A comment as its author and the moderators know it."""

    text: str
    receipt: str
    status: str = "pending"
    edit: str | None = None
    before: tuple[str, str | None] = ("", None)
    """Its text and the edit that waited, before the last decision."""

    def decided(self, decision: str) -> None:
        """Follow a decision that was taken."""
        if decision == "undo":
            self.text, self.edit = self.before
            return
        self.before = (self.text, self.edit)
        if decision == "approve" and self.edit is not None:
            self.text = self.edit
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
        service = await self._serving.enter_async_context(running(config.read(environ), self._now))
        self._world.url = service.url

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

    def _chosen(self, which: int, status: str | None = None) -> str | None:
        ids = [one for one, comment in self._known.comments.items() if status in (None, comment.status)]
        return ids[which % len(ids)] if ids else None

    @rule(page=st.integers(0, PAGES - 1), title=_TITLES)
    def post(self, page: int, title: str | None) -> None:
        self._post(page, title)

    @rule(pages=st.lists(st.integers(0, PAGES - 1), min_size=1, max_size=4), title=_TITLES)
    def publish(self, pages: list[int], title: str | None) -> None:
        for page in pages:
            self._decide(self._post(page, title), "approve")

    def _post(self, page: int, title: str | None) -> str:
        text = f"commento {next(self._numbers)}"
        body = a_submission(page_url=f"{PAGE}/{page}", page_title=title, body=text)
        receipt = self._run(self._ask("POST", "/api/v1/comments", body))
        comment_id: str = receipt["id"]
        self._known.comments[comment_id] = Comment(text, receipt["receipt_url"].rpartition("/")[2])
        return comment_id

    @precondition(lambda self: self._known.comments)
    @rule(which=st.integers(0, 99), decision=st.sampled_from(["approve", "approve", "reject", "spam", "undo"]))
    def decide(self, which: int, decision: str) -> None:
        comment_id = self._chosen(which)
        assert comment_id is not None
        self._decide(comment_id, decision)

    def _decide(self, comment_id: str, decision: str) -> None:
        comment = self._known.comments[comment_id]
        if decision in ("approve", "undo"):
            may_show = {comment.text, comment.before[0] if decision == "undo" else comment.edit}
            self._world.ever_public |= {one for one in may_show if one}
        asked = {"decisions": [{"id": comment_id, "decision": decision}]}
        [result] = self._run(self._ask("POST", "/api/v1/moderation/decisions", asked))["results"]
        if result["outcome"] == "done":
            comment.decided(decision)
        comment.status = result["status"]
        self._note()

    @precondition(lambda self: self._chosen(0, "pending"))
    @rule(which=st.integers(0, 99), withdraws=st.booleans())
    def change_mind(self, which: int, withdraws: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        comment_id = self._chosen(which, "pending")
        assert comment_id is not None
        comment = self._known.comments[comment_id]
        path = f"/api/v1/receipts/{comment.receipt}"
        if withdraws:
            self._run(self._ask("DELETE", path))
            comment.status = "withdrawn"
        else:
            comment.text = f"modificato {next(self._numbers)}"
            self._run(self._ask("PATCH", path, {"body": comment.text}))

    @precondition(lambda self: self._chosen(0, "approved"))
    @rule(which=st.integers(0, 99), takes_back=st.booleans())
    def edit_published(self, which: int, takes_back: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        comment_id = self._chosen(which, "approved")
        assert comment_id is not None
        comment = self._known.comments[comment_id]
        path = f"/api/v1/receipts/{comment.receipt}"
        if takes_back and comment.edit is not None:
            self._run(self._ask("DELETE", path))
            comment.edit = None
        else:
            comment.edit = f"modificato {next(self._numbers)}"
            self._run(self._ask("PATCH", path, {"body": comment.edit}))

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


@pytest.mark.timeout(1_200)
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
                max_examples=HISTORIES or FEW[engine],
                derandomize=not HISTORIES,  # the few are the same each time, the many are not
                stateful_step_count=STEPS,
                deadline=None,
                phases=[Phase.generate],  # a history takes seconds, and shrinking one would try hundreds
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        asyncio.run(databases.drop_all())
