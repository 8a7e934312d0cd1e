"""Push: each comment is told of once at each place, and no more than mail tells of what was decided meanwhile."""

import asyncio
import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from moderation_service.domain.moderation.decisions import Decision
from moderation_service.metrics import Metrics
from moderation_service.push.composing import PushComposer
from moderation_service.runtime import container
from moderation_service.services.accounts import sites_file
from moderation_service.services.notifications import administration
from moderation_service.services.notifications.pushes import Pushes
from moderation_service.services.operations import erasing
from moderation_service.storage.schema import deliveries
from tests.conftest import Clock
from tests.support import misbehaving_http
from tests.support import office as offices
from tests.support.composed import SUSPECT
from tests.support.factories import OTHER_PAGE, SITES
from tests.support.office import ANNA, Office
from tests.support.push_server import TOPIC, PushServer, list_push, listing, push_server
from tests.support.time_limits import patient


@pytest.fixture
async def ntfy() -> AsyncIterator[PushServer]:
    async with push_server() as server:
        yield server


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock, ntfy: PushServer) -> AsyncIterator[Office]:
    """Anna is told at one place."""
    list_push(environ, SITES, {"anna": [ntfy.url]})
    async with offices.opened(environ, clock) as opened:
        yield opened
        await opened.container.pushes.close()


async def look(office: Office) -> None:
    await office.container.pushes.look()
    await office.container.pushes.settled()


async def rows(office: Office) -> list[Any]:
    async with office.database.read() as connection:
        mine = select(deliveries).where(deliveries.c.kind == "push").order_by(deliveries.c.id)
        return list(await connection.execute(mine))


async def states(office: Office) -> list[str]:
    return [one.state for one in await rows(office)]


def another(office: Office, **limits: Any) -> Pushes:
    """What another replica has."""
    settings = office.container.settings
    return Pushes(
        office.database,
        office.container.directory,
        PushComposer(public_url=settings.public_url, links=office.container.links),
        interval=office.interval,
        clock=office.clock,
        new_id=container.new_id,
        counters=Metrics().mail("push"),
        limits=replace(patient().deliveries, **limits),
    )


async def relist(office: Office, text: str) -> None:
    """Take over another sites file."""
    found = sites_file.parse(tomllib.loads(text))
    await office.container.reassignment.replace_sites(found, now=office.clock(), new_id=container.new_id)


async def test_one_comment_is_told_of_once_with_its_buttons_and_without_what_its_author_wrote(
    office: Office, ntfy: PushServer
) -> None:
    [comment] = await office.post(body="Una torta di mele", author_name="Giuliana Bianchi")
    replica = another(office)
    await asyncio.gather(look(office), replica.look())
    await replica.settled()
    await replica.close()
    await look(office)
    [message] = ntfy.messages
    assert message.topic == TOPIC
    assert message.title == "Associazione dell'Esempio"
    assert message.text.startswith("Un commento attende la tua decisione\n«Chi siamo»")
    assert "torta" not in message.text
    assert "Giuliana" not in message.text + message.title
    assert [one["label"] for one in message.actions] == ["Approva", "Rifiuta", "Spam"]
    assert [one["url"].rpartition("/")[2] for one in message.actions] == ["approve", "reject", "spam"]
    assert message.click == message.actions[0]["url"]
    token = message.click.split("/")[-2]
    assert office.container.links.read(token).comment_id == comment
    assert await states(office) == ["sent"]


async def test_what_comes_within_the_interval_is_one_message_without_what_was_decided(
    environ: dict[str, str], clock: Clock, ntfy: PushServer
) -> None:
    list_push(environ, SITES, {"anna": [ntfy.url]})
    async with offices.opened(environ, clock, mail_interval="60") as office:
        await office.post()
        await look(office)
        ids = await office.post(5)
        await look(office)
        assert len(ntfy.messages) == 1
        await office.decide(ids[:1], Decision.APPROVE)
        await erasing.erase(office.database, ids[1:2], now=clock())
        clock.advance(seconds=61)
        await look(office)
        assert len(ntfy.messages) == 2
        assert "commenti attendono la tua decisione" in ntfy.messages[1].text
        assert ntfy.messages[1].text.startswith("3 ")
        assert ntfy.messages[1].actions == []
        assert ntfy.messages[1].click.endswith("/desk")
        await office.undo(ids[:1])
        clock.advance(seconds=61)
        await look(office)
        assert ntfy.messages[2].text.startswith("Un commento attende")
        await office.container.pushes.close()


async def test_the_interval_grows_while_nobody_decides(
    environ: dict[str, str], clock: Clock, ntfy: PushServer
) -> None:
    list_push(environ, SITES, {"anna": [ntfy.url]})
    async with offices.opened(environ, clock, mail_interval="60") as office:
        told = []
        for minute in range(8):
            await office.post()
            await look(office)
            told.append((minute, len(ntfy.messages)))
            clock.advance(seconds=60)
        assert [count for _, count in told] == [1, 2, 2, 3, 3, 3, 3, 4]
        [first, *_] = await office.post()
        await office.decide([first], Decision.REJECT)
        await office.post()
        clock.advance(seconds=60)
        await look(office)
        assert len(ntfy.messages) == 5
        await office.container.pushes.close()


async def test_what_is_decided_before_the_service_takes_it_is_withdrawn(office: Office, ntfy: PushServer) -> None:
    ntfy.status = 500
    ids = await office.post()
    await look(office)
    assert await states(office) == ["waiting"]
    await office.decide(ids, Decision.APPROVE)
    ntfy.status = 200
    ntfy.messages.clear()
    office.clock.advance(hours=1)
    await look(office)
    assert ntfy.messages == []
    assert await states(office) == ["superseded"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_service_that_fails_is_tried_later_each_time_and_all_goes_out_as_one(
    office: Office, ntfy: PushServer, status: int
) -> None:
    ntfy.status = status
    await office.post()
    await look(office)
    [first] = await rows(office)
    assert first.last_error == f"answered {status}"
    assert timedelta(0) < first.next_attempt_at - office.clock() < timedelta(seconds=5)
    await office.post(2)
    await look(office)
    assert len(ntfy.messages) == 1
    assert await states(office) == ["superseded", "waiting"]
    ntfy.status = 200
    office.clock.advance(minutes=1)
    await look(office)
    assert ntfy.messages[-1].text.startswith("3 commenti")
    assert await states(office) == ["superseded", "sent"]
    await look(office)
    assert len(ntfy.messages) == 2


async def test_what_is_refused_for_good_is_parked_shown_and_tried_again_by_the_commands(
    office: Office, ntfy: PushServer
) -> None:
    ntfy.status = 403
    await office.post()
    await look(office)
    assert await states(office) == ["parked"]
    assert "messages_parked" in await office.degraded()
    directory, interval = office.container.directory, office.container.delivery._work.mail_interval()
    shown = await administration.overview(office.database, directory, interval)
    [row] = [one for one in shown.deliveries if one.kind == "push"]
    assert shown.is_anything_parked
    assert row.last_error == "answered 403"
    assert (await administration.show(office.database, directory, row.id)).names == ("coop/anna",)
    ntfy.status = 200
    await administration.retry(office.database, directory, row.id)
    office.clock.advance(minutes=1)
    await look(office)
    assert await states(office) == ["sent"]
    await office.post()
    ntfy.status = 500
    await look(office)
    await administration.cancel(office.database, directory, "coop/anna")
    assert await states(office) == ["sent", "cancelled"]


async def test_a_service_that_never_answers_holds_up_nobody_else(
    environ: dict[str, str], clock: Clock, ntfy: PushServer
) -> None:
    async with misbehaving_http.never_answers() as silent:
        hangs = silent.url.replace("http://", "ntfy://").replace("/hook", "/topic")
        list_push(environ, SITES, {"anna": [hangs, ntfy.url], "paul": [ntfy.url]})
        async with offices.opened(environ, clock) as office:
            await office.post()
            replica = another(office, posting=0.3)
            await replica.look()
            await replica.settled()
            await replica.close()
            assert len(ntfy.messages) == 2
            assert sorted(await states(office)) == ["sent", "sent", "waiting"]
            [late] = [one for one in await rows(office) if one.state == "waiting"]
            assert late.last_error == "it did not answer in time"


async def test_a_place_that_is_listed_no_more_is_replaced_by_the_new_one(office: Office, ntfy: PushServer) -> None:
    ntfy.status = 401
    await office.post()
    await look(office)
    assert await states(office) == ["parked"]
    async with push_server() as other:
        await relist(office, listing(SITES, {"anna": [other.url]}))
        await look(office)
        assert len(other.messages) == 1
        assert await states(office) == ["superseded", "sent"]
        await relist(office, SITES)
        await office.post()
        await look(office)
        assert len(other.messages) == 1


async def test_who_follows_in_office_is_told_at_their_place(office: Office, ntfy: PushServer) -> None:
    ntfy.status = 500
    await office.post()
    await look(office)
    ntfy.messages.clear()
    ntfy.status = 200
    anna = SITES.index('[[site.moderator]]\nid = "anna"')
    paul = SITES.index('[[site.moderator]]\nid = "paul"')
    async with push_server() as other:
        await relist(office, listing(SITES[:anna] + SITES[paul:], {"paul": [other.url]}))
        await look(office)
        assert [one.actions[0]["label"] for one in other.messages] == []
        await office.post()
        await look(office)
        assert [one.actions[0]["label"] for one in other.messages] == ["Approve"]
    assert ntfy.messages == []


async def test_the_words_of_a_comment_go_out_where_the_site_says_so_and_nothing_of_them_can_be_clicked(
    environ: dict[str, str], clock: Clock, ntfy: PushServer
) -> None:
    list_push(environ, SITES, {"anna": [ntfy.url], "olga": [ntfy.url]}, text=True)
    async with offices.opened(environ, clock) as office:
        await office.post(body="Leggi www.spam.example e **basta**", author_name="Giuliana")
        await office.post(page_url=OTHER_PAGE, body="Hello", author_name="Rosa")
        await look(office)
        said = {one.title: one.text for one in ntfy.messages}
        assert "Giuliana ha commentato" in said["Associazione dell'Esempio"]
        assert "www.\u2060spam.\u2060example" in said["Associazione dell'Esempio"]
        assert "Rosa commented on" in said["Altro"]
        assert said["Altro"].endswith("Hello")
        await office.container.pushes.close()


async def test_a_person_of_two_sites_is_told_of_both_at_once_and_of_each_where_it_says(
    environ: dict[str, str], clock: Clock, ntfy: PushServer
) -> None:
    async with push_server() as other:
        sites = SITES.replace("olga@example.com", ANNA)
        list_push(environ, sites, {"anna": [ntfy.url], "olga": [ntfy.url, other.url]})
        async with offices.opened(environ, clock) as office:
            await office.post()
            await office.post(page_url=OTHER_PAGE)
            await look(office)
            assert [one.title for one in ntfy.messages] == ["Altro, Associazione dell'Esempio"]
            assert [one.title for one in other.messages] == ["Altro"]
            await office.container.pushes.close()


async def test_probable_spam_is_told_of_with_something_else_only_as_mail_does(
    office: Office, ntfy: PushServer
) -> None:
    await office.post(assessment=SUSPECT)
    await look(office)
    assert ntfy.messages == []


async def test_a_reminder_is_told_of_by_push_too(environ: dict[str, str], clock: Clock, ntfy: PushServer) -> None:
    list_push(environ, SITES, {"anna": [ntfy.url]})
    async with offices.opened(environ, clock, remind_after="24") as office:
        await office.post()
        await office.container.queue.deliver_due("moderation")
        await look(office)
        clock.advance(hours=25)
        await office.container.queue.deliver_due("moderation")
        await look(office)
        assert [one.text.splitlines()[0] for one in ntfy.messages] == [
            "Un commento attende la tua decisione",
            "Un commento attende ancora la tua decisione",
        ]
        await office.container.pushes.close()


async def test_neither_the_queue_nor_a_site_says_a_url(office: Office, ntfy: PushServer) -> None:
    ntfy.status = 500
    await office.post()
    await look(office)
    [row] = await rows(office)
    assert row.last_error == "answered 500"
    said = repr(row) + repr(office.container.directory.sites.get("coop"))
    for secret in (TOPIC, ntfy.host):
        assert secret not in said
