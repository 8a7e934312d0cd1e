"""An author and a reader go their whole way at two replicas on one PostgreSQL, each step at the other one."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from moderation_service.domain.moderation.statements import STATEMENT_WAITS
from moderation_service.runtime import container
from moderation_service.services.operations import consistency
from moderation_service.storage.engine.database import Database
from tests.conftest import Clock, Start
from tests.support import traces
from tests.support.authors import mail_to, path_in, press
from tests.support.contract import client_of
from tests.support.factories import PAGE
from tests.support.forms import Form
from tests.support.posting import COMMENTS, decide, path_of, post
from tests.support.rows import settled, values
from tests.support.running import until
from tests.support.smtp import Mail, MailServer

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)

AUTHOR, READER = "zelmira.zibaldone@quaderni.example.com", "zoe.zibaldoni@lettori.example.com"
CANARY = b"zibald"
ANSWERS = ("la prima risposta", "la seconda risposta")


async def listed(http: ClientSession) -> list[str]:
    answer = await (await http.get(COMMENTS, params={"page_url": PAGE})).json()
    return [one["body"] for one in answer["comments"]]


async def until_listed(http: ClientSession, *bodies: str) -> None:
    async def is_so() -> bool:
        return await listed(http) == list(bodies)

    await until(is_so)


def personal_link(mail: Mail) -> str:
    [path] = {urlsplit(link).path for link in mail.links() if "/personal-data/" in link}
    return path


async def pressed(stage: "Stage", path: str, **fields: str) -> str:
    """Open a page at one replica, press a button of it at the other, and return what came."""
    form = Form(await (await stage.next.get(path)).text()).values
    answer = await stage.next.post(path, data=form | fields)
    assert answer.status == 200, await answer.text()
    return await answer.text()


@dataclass(slots=True)
class Stage:
    """Clients of two replicas, who are asked in turn, and the comment that it is all about."""

    clients: tuple[ClientSession, ClientSession]
    smtp: MailServer
    clock: Clock
    database: Database
    receipt: dict[str, Any] = field(default_factory=dict)
    asked: int = 0

    @property
    def next(self) -> ClientSession:
        """The replica that was not asked last."""
        self.asked += 1
        return self.clients[self.asked % 2]

    @property
    def comment_id(self) -> str:
        return str(self.receipt["id"])

    @property
    def page(self) -> str:
        """The path of the author's page."""
        return str(urlsplit(self.receipt["receipt_url"]).path)

    async def edit(self, body: str) -> None:
        assert (await self.next.patch(path_of(self.receipt), json={"body": body})).status == 200

    async def told(self, count: int, address: str = AUTHOR) -> Mail:
        """The newest mail to somebody, the last of so many."""
        return await mail_to(self.smtp, address, count=count)

    async def reply(self, body: str) -> None:
        olaf: dict[str, Any] = {"author_name": "Olaf", "author_email": "olaf@example.net"}
        answer = await post(self.next, body=body, parent_id=self.comment_id, **olaf)
        await decide(self.next, "approve", answer["id"])

    def let_minutes_pass(self) -> None:
        self.clock.advance(seconds=STATEMENT_WAITS.total_seconds())


async def test_every_step_may_come_to_another_replica(
    start: Start, smtp: MailServer, clock: Clock, database: Database
) -> None:
    clock.now = container.utc_now()
    async with AsyncExitStack() as stack:
        services = [await start(clock=clock, screening="off") for _ in range(2)]
        first, second = [await stack.enter_async_context(client_of(one.url)) for one in services]
        stage = Stage((first, second), smtp, clock, database)
        await write_and_be_answered(stage)
        await edit_and_object(stage)
        await report_and_be_told(stage)
        await settled(database)
        assert len(smtp.to(AUTHOR)) == 4, "nothing was told twice, nor what was ended"
        await have_a_copy_and_erase(stage)
        for http in stage.clients:
            await until_listed(http, *ANSWERS)
            assert (await http.get(stage.page)).status == 404
            feed = await (await http.get("/api/v1/changes?site=coop&after=0")).json()
            assert [one["type"] for one in feed["changes"] if one["comment_id"] == stage.comment_id] == ["erased"]
        await settled(database)
        for where, content in (await values(database)).items():
            assert CANARY not in content.lower(), where
            assert not traces.found(content, (AUTHOR, READER)), where
        differences = await consistency.differences(database)
        assert not any(differences.values()), differences


async def write_and_be_answered(stage: Stage) -> None:
    """Post, confirm, edit, be approved, get a reply, and want to hear of no other."""
    wanted: dict[str, Any] = {"notify_published": True, "notify_replies": True}
    stage.receipt = await post(
        stage.next, body="zibaldone primo", author_email=AUTHOR, author_name="Zibaldona", **wanted
    )
    assert (await press(stage.next, path_in(await stage.told(1)))).status == 200
    await stage.edit("zibaldone secondo")
    await decide(stage.next, "approve", stage.comment_id)
    assert "zibaldone secondo" in (await stage.told(2)).text()
    await until_listed(stage.next, "zibaldone secondo")
    await stage.reply(ANSWERS[0])
    await stage.told(3)
    form = Form(await (await stage.next.get(stage.page)).text()).values
    assert (await stage.next.post(f"{stage.page}/e-mails", data=form | {"end": "replies"})).status == 200
    await stage.reply(ANSWERS[1])


async def edit_and_object(stage: Stage) -> None:
    """The old text is public until the new one is approved; a rejection is stated once, one objection taken."""
    await stage.edit("zibaldone terzo")
    await until_listed(stage.next, "zibaldone secondo", *ANSWERS)
    await decide(stage.next, "approve", stage.comment_id)
    await until_listed(stage.next, "zibaldone terzo", *ANSWERS)
    await decide(stage.next, "reject", stage.comment_id)
    stage.let_minutes_pass()
    await stage.told(4)
    await pressed(stage, stage.page, do="object", text="Zibaldone non è un insulto.")
    await decide(stage.next, "approve", stage.comment_id)


async def report_and_be_told(stage: Stage) -> None:
    """A reader reports the comment, confirms the address, and is told twice."""
    report = {"reason": "insult", "explanation": "Zibaldonate.", "reporter_email": READER}
    assert (await stage.next.post(f"{COMMENTS}/{stage.comment_id}/reports", json=report)).status == 202
    assert (await press(stage.next, path_in(await stage.told(1, READER)))).status == 200
    await stage.told(2, READER)
    await decide(stage.next, "approve", stage.comment_id)
    stage.let_minutes_pass()
    await stage.told(3, READER)


async def have_a_copy_and_erase(stage: Stage) -> None:
    for count, wish in enumerate(("export", "erase"), start=5):
        asked = await stage.next.post(f"{path_of(stage.receipt)}/personal-data", json={"wish": wish})
        assert asked.status == 202
        found = await pressed(stage, personal_link(await stage.told(count)))
        assert ("zibaldone terzo" in found) is (wish == "export")
