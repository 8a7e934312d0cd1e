"""People are told when and by what means they have chosen, and never so that nobody is told."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from moderation_service.domain.moderation.decisions import Decision
from moderation_service.domain.notifications.preferences import Preferences, Schedule, Ways
from moderation_service.services.operations import deletion, retention
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.factories import SITES
from tests.support.office import ANNA, PAUL, Office
from tests.support.push_server import PushServer, list_push, push_server
from tests.support.smtp import MailServer

DAY = date(2026, 11, 25)


@pytest.fixture
async def ntfy() -> AsyncIterator[PushServer]:
    async with push_server() as server:
        yield server


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock, ntfy: PushServer) -> AsyncIterator[Office]:
    """Anna has a place for push, Paul has none; it is 11 o'clock in Rome."""
    list_push(environ, SITES, {"anna": [ntfy.url]})
    async with offices.opened(environ, clock) as opened:
        yield opened
        await opened.container.pushes.close()


async def choose(office: Office, address: str, **chosen: Any) -> None:
    person_id = office.container.directory.person_of(address)
    assert person_id is not None
    await office.container.web.preferences.keep(person_id, Preferences(**chosen))


async def told(office: Office, smtp: MailServer, ntfy: PushServer) -> tuple[list[str], int]:
    """Who gets mail just now, and how many messages come by push."""
    mails, pushes = len(smtp.mails), len(ntfy.messages)
    await office.container.queue.deliver_due("moderation")
    await office.container.pushes.look()
    await office.container.pushes.settled()
    recipients = sorted(one.recipients[0].partition("@")[0] for one in smtp.mails[mails:])
    return recipients, len(ntfy.messages) - pushes


async def test_each_is_told_at_the_time_that_they_chose_by_mail_and_push(
    office: Office, smtp: MailServer, ntfy: PushServer
) -> None:
    await choose(office, ANNA, schedule=Schedule.DAILY, hour=13)
    await choose(office, PAUL, quiet_from=9, quiet_until=11)
    [first] = await office.post()
    assert await told(office, smtp, ntfy) == ([], 0)
    office.clock.advance(minutes=59)
    await office.post()
    assert await told(office, smtp, ntfy) == ([], 0)
    assert await office.degraded() == []
    office.clock.advance(minutes=1)
    assert await told(office, smtp, ntfy) == (["paul"], 0)
    await office.decide([first], Decision.APPROVE)
    office.clock.advance(hours=1)
    assert await told(office, smtp, ntfy) == (["anna"], 1)
    await office.post()
    assert await told(office, smtp, ntfy) == (["paul"], 0)
    office.clock.advance(hours=23, minutes=59)
    assert await told(office, smtp, ntfy) == (["paul"], 0), "he is reminded of what was told a day ago"
    assert "mail_late" not in await office.degraded()
    office.clock.advance(minutes=1)
    assert await told(office, smtp, ntfy) == (["anna"], 1)


async def test_who_chose_mail_or_push_alone_gets_that_alone_and_a_push_counts_as_a_mail(
    office: Office, smtp: MailServer, ntfy: PushServer
) -> None:
    await choose(office, ANNA, ways=Ways.PUSH)
    await choose(office, PAUL, ways=Ways.PUSH)
    [comment] = await office.post()
    assert await told(office, smtp, ntfy) == (["paul"], 1)
    assert await office.states() == {(comment, "anna"): "told", (comment, "paul"): "told"}
    await office.assert_balanced()
    office.clock.advance(hours=25)
    assert await told(office, smtp, ntfy) == (["paul"], 1)
    assert "ancora" in ntfy.messages[-1].text
    await office.decide([comment], Decision.APPROVE)
    await choose(office, ANNA, ways=Ways.MAIL)
    await office.post()
    assert await told(office, smtp, ntfy) == (["anna", "paul"], 0)
    office.clock.advance(days=40)
    sites = office.container.directory.sites
    for _ in range(2):
        await deletion.delete_due(office.database, sites, office.clock())
        await retention.forget(office.database, office.clock(), sites=sites)
        office.clock.advance(days=8)
    assert [one.kind for one in await office.messages() if one.kind == "push"] == []
    await office.assert_balanced()


@pytest.mark.parametrize("status", [401, 500])
async def test_who_chose_push_alone_gets_mail_where_push_fails(
    office: Office, smtp: MailServer, ntfy: PushServer, status: int
) -> None:
    await choose(office, ANNA, ways=Ways.PUSH)
    ntfy.status = status
    await office.post()
    assert await told(office, smtp, ntfy) == (["paul"], 1)
    office.clock.advance(minutes=30)
    await office.post()
    await told(office, smtp, ntfy)
    office.clock.advance(minutes=31)
    await office.container.queue.deliver_due("moderation")
    assert {one.recipients[0] for one in smtp.mails} == {PAUL, ANNA}


async def test_who_is_away_hears_when_they_are_back_and_at_once_where_nobody_stands_in(
    office: Office, smtp: MailServer, ntfy: PushServer
) -> None:
    await choose(office, ANNA, away_until=DAY)
    await office.post()
    assert await told(office, smtp, ntfy) == (["paul"], 0)
    assert await office.degraded() == []
    await choose(office, PAUL, away_until=DAY)
    await office.post()
    assert await told(office, smtp, ntfy) == (["anna", "paul"], 1)
    assert await office.degraded() == ["everybody_away:coop"]
    await choose(office, PAUL)
    await office.post()
    assert await told(office, smtp, ntfy) == (["paul"], 0)
    office.clock.advance(days=2, hours=12, minutes=59)
    assert await told(office, smtp, ntfy) == (["paul"], 0)
    office.clock.advance(minutes=1)
    assert await told(office, smtp, ntfy) == (["anna"], 1)


async def test_who_covers_pages_that_nobody_else_does_is_told_though_they_are_away(
    environ: dict[str, str], clock: Clock, smtp: MailServer, ntfy: PushServer
) -> None:
    list_push(environ, SITES.replace('id = "paul"\n', 'id = "paul"\npaths = ["/blog"]\n'), {"anna": [ntfy.url]})
    async with offices.opened(environ, clock) as office:
        await choose(office, ANNA, away_until=DAY)
        await office.post()
        assert await told(office, smtp, ntfy) == (["anna"], 1)
        await choose(office, PAUL, away_until=DAY)
        await choose(office, ANNA)
        await office.post(page_url="https://www.example.org/blog/uno")
        assert await told(office, smtp, ntfy) == (["anna"], 1)
        anna = office.container.directory.person_of(ANNA)
        assert anna is not None
        assert not (await office.container.web.preferences.standing(anna)).is_told_anyway
        await office.container.pushes.close()


async def test_what_nobody_decides_escalates_to_those_who_wanted_to_hear_later(
    environ: dict[str, str], clock: Clock, smtp: MailServer, ntfy: PushServer
) -> None:
    escalating = SITES.replace('id = "coop"\n', 'id = "coop"\nescalate_after_hours = 4\n')
    list_push(environ, escalating, {"anna": [ntfy.url]})
    async with offices.opened(environ, clock) as office:
        await choose(office, ANNA, schedule=Schedule.DAILY, hour=8)
        await choose(office, PAUL, schedule=Schedule.DAILY, hour=7)
        [first] = await office.post()
        clock.advance(hours=3)
        await office.post()
        assert await told(office, smtp, ntfy) == ([], 0)
        await office.decide([first], Decision.APPROVE)
        clock.advance(hours=1)
        assert await told(office, smtp, ntfy) == ([], 0), "what has waited for so long is decided"
        clock.advance(hours=3)
        assert await told(office, smtp, ntfy) == (["anna", "paul"], 1)
        await choose(office, ANNA, away_until=DAY, quiet_from=2, quiet_until=3)
        await choose(office, PAUL)
        await office.post()
        assert await told(office, smtp, ntfy) == (["paul"], 0)
        clock.advance(hours=8)
        assert await told(office, smtp, ntfy) == ([], 0), "it is two at night"
        clock.advance(hours=1)
        assert await told(office, smtp, ntfy) == (["anna"], 1)
        await office.container.pushes.close()
