"""A clock that is a day ahead for a moment and is set right again: it limits nobody, and takes no right away."""

import re
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import ClientSession

from moderation_service.domain.accounts.sites import Screening
from moderation_service.domain.moderation.decisions import Decision
from moderation_service.services.accounts import logins
from moderation_service.services.operations import retention
from moderation_service.web.http.client_address import Clients
from tests.conftest import Clock
from tests.support import mailed
from tests.support import office as offices
from tests.support.desk import a_comment, logged_in, mailed_login
from tests.support.factories import PAGE
from tests.support.office import ANNA, Office, counted
from tests.support.posting import COMMENTS, decide, post, status_of
from tests.support.requests import request_from
from tests.support.running import Running
from tests.support.smtp import MailServer

Acting = AsyncIterator[None]
_SNAPSHOT = re.compile(r'name="snapshot" value="([^"]+)"')
_UNDO = re.compile(r'formaction="(/desk/bulk/[^"]+/undo)')


async def a_network_at_its_limit(http: ClientSession, _: MailServer) -> Acting:
    for number in range(Screening().posts_per_network):
        await post(http, body=f"commento {number}")
    assert await status_of(http, body="uno di troppo") == 429
    yield
    assert await status_of(http, body="uno di troppo") == 202


async def the_same_comment_again(http: ClientSession, _: MailServer) -> Acting:
    await post(http)
    assert await status_of(http) == 409
    yield
    assert await status_of(http) == 202


async def a_network_that_asked_for_many_log_ins(http: ClientSession, _: MailServer) -> Acting:
    async def ask() -> int:
        return (await http.post("/desk/login", data={"email": "nobody@example.org"})).status

    assert {await ask() for _ in range(logins.REQUESTS_PER_WINDOW)} == {200}
    assert await ask() == 429
    yield
    assert await ask() == 200


async def a_moderator_with_all_log_in_mails_of_an_hour(http: ClientSession, smtp: MailServer) -> Acting:
    for _ in range(logins.MAILS_PER_WINDOW):
        await mailed_login(http, smtp, ANNA)
    yield
    await mailed_login(http, smtp, ANNA)


async def a_key_of_a_client(http: ClientSession, _: MailServer) -> Acting:
    first = await post(http, headers={"Idempotency-Key": "one"})
    yield
    assert await post(http, headers={"Idempotency-Key": "one"}) == first


async def a_session_of_the_desk(http: ClientSession, smtp: MailServer) -> Acting:
    anna = await logged_in(http, smtp)
    yield
    assert (await anna.get("/desk")).status == 200


async def a_log_in_link(http: ClientSession, smtp: MailServer) -> Acting:
    path = await mailed_login(http, smtp, ANNA)
    yield
    assert (await http.get(path)).status == 200


async def a_mailed_link(http: ClientSession, smtp: MailServer) -> Acting:
    posted = await mailed.post(http, smtp)
    yield
    assert (await mailed.press(http, posted.path("approve"))).status == 200


async def a_decision_by_a_mailed_link(http: ClientSession, smtp: MailServer) -> Acting:
    posted = await mailed.post(http, smtp)
    assert (await mailed.press(http, posted.path("approve"))).status == 200
    yield
    assert (await mailed.press(http, posted.path("reject"), seen="approved")).status == 200
    undo = posted.path("reject").replace("/reject", "/undo")
    assert (await mailed.press(http, undo, seen="rejected")).status == 200


async def a_decision_to_take_back(http: ClientSession, _: MailServer) -> Acting:
    comment_id = await a_comment(http)
    await decide(http, "reject", comment_id)
    yield
    await decide(http, "undo", comment_id)


async def a_decision_on_all_to_take_back(http: ClientSession, smtp: MailServer) -> Acting:
    comment_id = await a_comment(http)
    anna = await logged_in(http, smtp)
    [token] = set(_SNAPSHOT.findall(await (await anna.get("/desk?scope=all")).text()))
    await anna.post("/desk/bulk", {"snapshot": token, "all": "approve"})
    yield
    [undo] = _UNDO.findall(await (await anna.get("/desk")).text())
    assert (await anna.post(undo)).status == 303
    assert list(await anna.shown()) == [comment_id]


async def what_changed_before_all_is_decided(http: ClientSession, smtp: MailServer) -> Acting:
    comment_id = await a_comment(http)
    yield
    anna = await logged_in(http, smtp)
    [token] = set(_SNAPSHOT.findall(await (await anna.get("/desk?scope=all")).text()))
    await anna.post("/desk/bulk", {"snapshot": token, "all": "approve"})
    assert (await http.get(f"{COMMENTS}/{comment_id}")).status == 200


async def a_reader_who_asks_by_the_time_of_the_last_change(http: ClientSession, _: MailServer) -> Acting:
    first, second = [await a_comment(http, body=body) for body in ("prima", "seconda")]
    await decide(http, "approve", first)
    answer = await http.get(COMMENTS, params={"page_url": PAGE})
    known = {"If-Modified-Since": answer.headers["Last-Modified"]}
    assert (await http.get(COMMENTS, params={"page_url": PAGE}, headers=known)).status == 304
    yield
    for decision, comment_id, count in (("approve", second, 2), ("reject", first, 1)):
        await decide(http, decision, comment_id)
        answer = await http.get(COMMENTS, params={"page_url": PAGE}, headers=known)
        assert (answer.status, (await answer.json())["count"]) == (200, count)
    assert (await http.get(COMMENTS, params={"page_url": PAGE}, headers={"If-None-Match": "*"})).status == 304
    known = {"If-Modified-Since": answer.headers["Last-Modified"]}
    assert (await http.get(COMMENTS, params={"page_url": PAGE}, headers=known)).status == 304


@pytest.mark.parametrize(
    "acting",
    [
        a_network_at_its_limit,
        the_same_comment_again,
        a_network_that_asked_for_many_log_ins,
        a_moderator_with_all_log_in_mails_of_an_hour,
        a_key_of_a_client,
        a_session_of_the_desk,
        a_log_in_link,
        a_mailed_link,
        a_decision_by_a_mailed_link,
        a_decision_to_take_back,
        a_decision_on_all_to_take_back,
        what_changed_before_all_is_decided,
        a_reader_who_asks_by_the_time_of_the_last_change,
    ],
)
async def test_what_happened_under_a_wrong_clock(
    http: ClientSession,
    service: Running,
    smtp: MailServer,
    clock: Clock,
    acting: Callable[[ClientSession, MailServer], Acting],
) -> None:
    """For limits it was long ago, and nothing that it gave is over."""
    clock.advance(days=1)
    steps = acting(http, smtp)
    await anext(steps)
    clock.advance(days=-1)
    await retention.forget(service.container.database, clock.now, sites=service.container.directory.sites)
    with pytest.raises(StopAsyncIteration):
        await anext(steps)


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock, mail_interval="60") as opened:
        yield opened


async def test_what_was_sent_under_a_wrong_clock_is_reminded_of(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    """Once, at the time of its own; not only when the wrong time has come."""
    clock.advance(days=30)
    posted = await office.post()
    delivery = office.delivery()
    await delivery.deliver_due()
    clock.advance(days=-30)
    for mails in (2, 2):
        await delivery.deliver_due()
        clock.advance(minutes=2)
        assert len(smtp.to(ANNA)) == mails
    assert office.comments_in(smtp.to(ANNA)[1]) == posted
    clock.advance(days=1)
    await delivery.deliver_due()
    assert len(smtp.to(ANNA)) == 3


async def test_an_interval_that_grew_under_a_wrong_clock_ends_by_a_decision(office: Office, clock: Clock) -> None:
    delivery = office.delivery()
    clock.advance(days=1)
    posted: list[str] = []
    for _ in range(4):
        posted += await office.post()
        await delivery.deliver_due()
        clock.advance(hours=1)
    assert (await office.person("anna")).unanswered == 4
    clock.advance(days=-1, hours=-4)
    await office.decide(posted, Decision.SPAM)
    await delivery.deliver_due()
    assert (await office.person("anna")).unanswered == 0


async def test_mail_that_is_late_is_said_whatever_the_clock_was_when_it_came(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    clock.advance(days=1)
    await office.post()
    await office.delivery(smtp.url).deliver_due()
    assert counted(smtp.to(ANNA)) == 1
    await office.post()
    clock.advance(days=-1)
    assert await office.degraded() == ["mail_late"]
    await office.delivery(smtp.url).deliver_due()
    assert await office.degraded() == []


def test_a_proxy_that_was_noticed_under_a_wrong_clock_is_not_said_for_longer(clock: Clock) -> None:
    clients = Clients([], clock=clock)
    clock.advance(days=1)
    clients.of(request_from("172.17.0.1", X_Forwarded_For="192.0.2.1"))
    assert clients.is_behind_untrusted_proxy
    clock.advance(days=-1)
    assert not clients.is_behind_untrusted_proxy
    clients.of(request_from("172.17.0.1", X_Forwarded_For="192.0.2.1"))
    clock.advance(seconds=-3)
    assert clients.is_behind_untrusted_proxy, "two clocks may differ a little"
