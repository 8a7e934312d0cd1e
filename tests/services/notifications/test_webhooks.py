"""Webhooks: made from the feed by whichever replica looks first, sent beside each other, tried again, ended."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import trustme
from sqlalchemy import select, update

from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Request
from moderation_service.runtime import container
from moderation_service.services.notifications import webhook_administration as administration
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.services.notifications.webhooks import Webhooks
from moderation_service.services.operations import retention
from moderation_service.storage.schema import deliveries
from tests.conftest import Clock
from tests.support import misbehaving_http
from tests.support import office as offices
from tests.support.counting import counted
from tests.support.factories import SITES
from tests.support.moving import Mover, a_record
from tests.support.office import Office
from tests.support.running import until
from tests.support.webhook_receiver import Receiver, list_webhooks, receiving

NAME = "coop/mirror"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@asynccontextmanager
async def telling(environ: dict[str, str], clock: Clock, *webhooks: dict[str, Any]) -> AsyncIterator[Office]:
    """An office whose webhooks have begun, before anything changed."""
    list_webhooks(environ, SITES, *webhooks)
    async with offices.opened(environ, clock) as office:
        await office.container.webhooks.begin()
        await office.container.eras.begin()
        yield office


@asynccontextmanager
async def replica(office: Office, *, posting: float = 10.0) -> AsyncIterator[Webhooks]:
    """What sends to webhooks in one process."""
    webhooks = Webhooks(
        office.database,
        office.container.directory,
        office.container.web.change_feed,
        office.container.web.announcements,
        clock=office.clock,
        new_id=container.new_id,
        counters=office.container.metrics.webhooks(),
        limits=DeliveryLimits(posting=posting),
    )
    try:
        yield webhooks
    finally:
        stop = asyncio.Event()
        stop.set()
        await webhooks.run(stop)


async def sending(webhooks: Webhooks) -> None:
    """Let it look, and send all that is due."""
    await webhooks.look(asyncio.Event())
    await webhooks.settled()


async def rows(office: Office) -> list[Any]:
    async with office.database.read() as connection:
        found = await connection.execute(select(deliveries).where(deliveries.c.kind == "webhook"))
        return sorted(found, key=lambda row: row.id)


async def standing(office: Office, name: str = NAME) -> administration.Standing:
    found = await administration.overview(office.database, office.container.directory.sites)
    return next(one for one in found if one.name == name)


async def test_what_changed_before_a_webhook_was_listed_is_not_told_and_all_that_comes_is_told_once(
    environ: dict[str, str], clock: Clock, receiver: Receiver
) -> None:
    async with offices.opened(environ, clock) as office:
        await office.decide(await office.post(2))
    async with telling(environ, clock, {"id": "mirror", "url": receiver.url}) as office:
        ids = await office.post(5)
        await office.decide(ids)
        async with replica(office) as one, replica(office) as other:
            await asyncio.gather(*(sending(each) for each in (one, other) for _ in range(3)))
        assert sorted(receiver.numbers) == [3, 4, 5, 6, 7]
        assert sorted(post.event["data"]["comment_id"] for post in receiver.posts) == sorted(ids)
        assert len({post.id for post in receiver.posts}) == 5
        assert {row.state for row in await rows(office)} == {"sent"}
        assert counted(office.container.metrics, "moderation_webhook_posts_total") == 5
        assert "webhooks_parked" not in await office.degraded()
        await office.assert_balanced()
        clock.advance(days=40)
        await retention.forget(office.database, clock(), sites=office.container.directory.sites)
        assert await rows(office) == []


async def test_a_text_that_was_withdrawn_meanwhile_is_never_sent(
    environ: dict[str, str], clock: Clock, receiver: Receiver
) -> None:
    async with telling(
        environ,
        clock,
        {"id": "mirror", "url": receiver.url},
        {"id": "published", "url": receiver.url, "events": ["published"]},
    ) as office:
        receiver.status = 503
        [comment] = await office.post(body="withdrawn-canary")
        await office.decide([comment])
        async with replica(office) as webhooks:
            await sending(webhooks)
            assert [b"withdrawn-canary" in post.body for post in receiver.posts] == [True, True]
            await withdraw(office, comment)
            receiver.posts.clear()
            receiver.status = 204
            clock.advance(seconds=10)
            await sending(webhooks)
        [post] = receiver.posts
        assert post.event["type"] == "withdrawn"
        assert post.event["data"]["comment"] is None
        assert sorted(row.state for row in await rows(office)) == ["sent", "superseded", "superseded"]


async def withdraw(office: Office, comment_id: str) -> None:
    site = office.container.directory.sites.get("coop")
    assert site is not None
    request = Request(comment_id=comment_id, decision=Decision.REJECT, expected=None)
    await office.container.moderation.decide(site, [request], actor=Actor(channel=Channel.API))


async def test_a_receiver_that_fails_is_tried_again_within_five_seconds_and_gets_all_when_it_works(
    environ: dict[str, str], clock: Clock, receiver: Receiver
) -> None:
    async with (
        telling(environ, clock, {"id": "mirror", "url": receiver.url}) as office,
        replica(office) as webhooks,
    ):
        receiver.status = 500
        await office.decide(await office.post(3))
        await sending(webhooks)
        assert len(receiver.posts) == 1, "the others wait for a probe"
        clock.advance(seconds=4)
        await sending(webhooks)
        assert len(receiver.posts) == 2
        for _ in range(3):
            clock.advance(minutes=2)
            await sending(webhooks)
        assert (await standing(office)).state.failing_since is not None  # type: ignore[union-attr]
        receiver.status = 204
        receiver.posts.clear()
        clock.advance(minutes=2)
        await sending(webhooks)
        await sending(webhooks)
        assert sorted(receiver.numbers) == [1, 2, 3]
        state = (await standing(office)).state
        assert state is not None
        assert (state.failing_since, state.last_error, state.ended) == (None, None, None)


async def test_a_retry_has_the_id_of_the_first_try_and_one_event_that_is_refused_holds_no_other_back(
    environ: dict[str, str], clock: Clock, receiver: Receiver
) -> None:
    async with (
        telling(environ, clock, {"id": "mirror", "url": receiver.url}) as office,
        replica(office) as webhooks,
    ):
        await office.decide(await office.post(3))
        receiver.answer = lambda post: 400 if post.event["data"]["number"] == 1 else 204
        for _ in range(4):
            await sending(webhooks)
            clock.advance(seconds=4)
        assert {2, 3} <= set(receiver.numbers)
        first = [post for post in receiver.posts if post.event["data"]["number"] == 1]
        assert len(first) > 1
        assert len({post.id for post in first}) == 1
        assert len({post.headers["webhook-timestamp"] for post in first}) == len(first)
        for _ in range(6 * 2):
            clock.advance(hours=12)
            await office.decide(await office.post(1))
            await sending(webhooks)
        one = await standing(office)
        assert (one.waiting, one.parked) == (0, 1)
        assert one.state is not None
        assert one.state.ended is None, "all else was taken"
        assert "webhooks_parked" in await office.degraded()


async def test_receivers_that_misbehave_in_ten_ways_hold_nobody_back(
    environ: dict[str, str], clock: Clock, receiver: Receiver
) -> None:
    authority, served = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("receiver.example").configure_cert(served)
    ways = {
        "silent": (misbehaving_http.never_answers(), "no answer within 0.5 seconds"),
        "drips": (misbehaving_http.answers_one_byte_a_second(), "no answer within 0.5 seconds"),
        "redirects": (
            misbehaving_http.redirects_to(receiver.url),
            "307 it leads elsewhere",
        ),
        "gone": (misbehaving_http.answers("410 Gone"), "410"),
        "broken": (misbehaving_http.answers("500 Oops", body=b"out of order"), "500 out of order"),
        "closes": (misbehaving_http.closes_without_an_answer(), "the connection ended without an answer"),
        "tls": (misbehaving_http.answers("204 No Content", tls=served), "the certificate is not accepted"),
        "pours": (misbehaving_http.answers_without_end("500 Oops"), f"500 {'x' * 300}"),
        "html": (
            misbehaving_http.answers_html("502 Bad Gateway"),
            "502 <!doctype html><title>",
        ),
        "away": (misbehaving_http.refuses_to_connect(), "Connection refused"),
    }
    async with AsyncExitStack() as stack:
        urls = {name: (await stack.enter_async_context(way)).url for name, (way, _) in ways.items()}
        entries = [{"id": name, "url": url} for name, url in urls.items()]
        office = await stack.enter_async_context(
            telling(environ, clock, *entries, {"id": "mirror", "url": receiver.url})
        )
        webhooks = await stack.enter_async_context(replica(office, posting=0.5))
        await office.decide(await office.post(1))
        await webhooks.look(asyncio.Event())
        await until(lambda: receiver.posts)
        assert (await standing(office, "coop/silent")).state.last_error is None  # type: ignore[union-attr]
        await webhooks.settled()
        assert receiver.numbers == [1], "it was told while others failed, and nobody was led to it"
        for name, (_, words) in ways.items():
            one = await standing(office, f"coop/{name}")
            assert one.state is not None
            assert words in (one.state.last_error or ""), name
            ended = "gone" if name == "gone" else None
            assert (one.state.ended, one.waiting, one.parked) == (ended, 1 - bool(ended), int(bool(ended))), name
        assert "webhooks_parked" in await office.degraded()


@pytest.mark.parametrize("answer", [410, 500])
async def test_a_webhook_ends_with_a_word_and_goes_on_when_somebody_says_so(
    environ: dict[str, str], clock: Clock, receiver: Receiver, answer: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        telling(environ, clock, {"id": "mirror", "url": receiver.url}) as office,
        replica(office) as webhooks,
    ):
        receiver.status = answer
        await office.decide(await office.post(3))
        await sending(webhooks)
        for _ in range(5 * 2 + 1 if answer == 500 else 0):
            clock.advance(hours=12)
            await sending(webhooks)
        one = await standing(office)
        assert one.state is not None
        assert (one.state.ended, one.waiting, one.parked) == ("gone" if answer == 410 else "failing", 0, 3)
        assert "webhooks_parked" in await office.degraded()
        assert "webhook.ended" in caplog.text
        seen = len(receiver.posts)
        await office.decide(await office.post(1))
        clock.advance(days=1)
        await sending(webhooks)
        assert len(receiver.posts) == seen, "it gets nothing any more"

        receiver.status = 204
        receiver.posts.clear()
        sites = office.container.directory.sites
        assert await administration.replay(office.database, sites, "mirror", after=None, now=clock()) == 3
        clock.advance(hours=2)
        for _ in range(2):
            await sending(webhooks)
        assert sorted(receiver.numbers) == [1, 2, 3, 4], "what was parked, and what came since"
        assert "webhooks_parked" not in await office.degraded()
        receiver.posts.clear()
        assert await administration.replay(office.database, sites, NAME, after=2, now=clock()) == 2
        await sending(webhooks)
        assert receiver.numbers == [3, 4]
        with pytest.raises(administration.NoSuchWebhookError, match="The newest change of coop is 4"):
            await administration.replay(office.database, sites, NAME, after=5, now=clock())
        await office.assert_balanced()


async def test_a_webhook_that_ended_begins_anew_at_another_address(
    environ: dict[str, str], clock: Clock, receiver: Receiver
) -> None:
    async with telling(environ, clock, {"id": "mirror", "url": f"{receiver.url}/old"}) as office:
        receiver.status = 410
        async with replica(office) as webhooks, misbehaving_http.answers("410 Gone") as gone:
            list_webhooks(environ, SITES, {"id": "mirror", "url": gone.url})
            await reload(office)
            await office.decide(await office.post(1))
            await sending(webhooks)
            assert (await standing(office)).needs_care
            receiver.status = 204
            list_webhooks(environ, SITES, {"id": "mirror", "url": receiver.url})
            await reload(office)
            await office.decide(await office.post(1))
            await sending(webhooks)
            assert receiver.numbers == [2]


async def reload(office: Office) -> None:
    await office.container.reassignment.replace_sites(
        office.container.sites_file.load(), now=office.clock(), new_id=container.new_id
    )


async def test_a_build_hook_is_posted_to_at_most_once_in_its_time_and_after_the_last_change(
    environ: dict[str, str], clock: Clock, receiver: Receiver
) -> None:
    build = {"id": "build", "url": receiver.url, "kind": "build_hook", "debounce": 8}
    async with telling(environ, clock, build) as office, replica(office) as one, replica(office) as other:
        ids = await office.post(3)
        times: list[int] = []
        started = clock()

        async def pass_by(seconds: int) -> list[int]:
            """Let time pass, and return all times at which it was posted to."""
            for _ in range(seconds):
                before = len(receiver.posts)
                await asyncio.gather(sending(one), sending(other))
                times.extend([(clock() - started).seconds] * (len(receiver.posts) - before))
                clock.advance(seconds=1)
            return times

        for comment in ids:
            await office.decide([comment])
            assert await pass_by(2) == [0], "at once, and what came meanwhile waits"
        assert await pass_by(4) == [0, 8]
        assert await pass_by(10) == [0, 8], "nothing changed since"
        await withdraw(office, ids[0])
        assert await pass_by(2) == [0, 8, 20], "a withdrawal is a change"
        receiver.status = 500
        await withdraw(office, ids[1])
        assert await pass_by(8) == [0, 8, 20, 28], "it failed"
        receiver.status = 204
        assert await pass_by(10) == [0, 8, 20, 28, 36]
        assert {post.body for post in receiver.posts} == {b""}
        assert [row.state for row in await rows(office)] == ["sent"] * 4


async def test_a_delivery_whose_worker_died_is_sent_by_another_under_its_id(
    environ: dict[str, str], clock: Clock, receiver: Receiver
) -> None:
    async with (
        telling(environ, clock, {"id": "mirror", "url": receiver.url}) as office,
        replica(office) as webhooks,
    ):
        receiver.status = 503
        await office.decide(await office.post(1))
        await sending(webhooks)
        clock.advance(minutes=1)
        async with office.database.write() as connection:
            held = {
                "lease_token": "of-the-dead",
                "lease_until": container.utc_now() + timedelta(seconds=50),
            }
            await connection.execute(update(deliveries).where(deliveries.c.kind == "webhook").values(**held))
        await sending(webhooks)
        assert len(receiver.posts) == 1, "somebody holds it"
        receiver.status = 204
        async with office.database.write() as connection:
            over = container.utc_now() - timedelta(seconds=1)
            await connection.execute(
                update(deliveries).where(deliveries.c.kind == "webhook").values(lease_until=over)
            )
        await sending(webhooks)
        assert len({post.id for post in receiver.posts}) == 1
        assert [row.state for row in await rows(office)] == ["sent"]


async def test_a_name_that_leads_to_this_machine_gets_nothing(environ: dict[str, str], clock: Clock) -> None:
    async with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        entry = {"id": "mirror", "url": url, "allow_private": False}
        async with telling(environ, clock, entry) as office, replica(office) as webhooks:
            await office.decide(await office.post(1))
            await sending(webhooks)
            state = (await standing(office)).state
            assert state is not None
            assert "not of the public internet" in (state.last_error or "")
            assert receiver.posts == []
    assert socket.getaddrinfo("localhost", 80)


async def test_what_an_import_brought_is_told_of_once_somebody_decides_on_it(
    environ: dict[str, str], clock: Clock, receiver: Receiver
) -> None:
    async with telling(environ, clock, {"id": "mirror", "url": receiver.url}) as office:
        mover = Mover(office.database, office.container.directory, office.container.keys)
        await mover.bring([a_record("1"), a_record("2")])
        ids = [row.id for row in (await mover.stored()).values()]
        async with replica(office) as one:
            await sending(one)
            assert receiver.posts == []
            await office.decide(ids[:1], Decision.REJECT, expected=None)
            await sending(one)
        assert [post.event["data"]["comment_id"] for post in receiver.posts] == ids[:1]
        await office.assert_balanced()
