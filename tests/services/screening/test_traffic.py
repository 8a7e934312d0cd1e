"""What a site gets over several replicas: what is suspect, and when it is under attack."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.screening.assessment import NOTHING, Finding, Verdict
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.runtime.container import new_id
from moderation_service.services.operations import retention
from moderation_service.services.screening import attack_notices
from moderation_service.services.screening.traffic import Traffic
from moderation_service.storage.schema import traffic_reports
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.candidates import a_candidate
from tests.support.office import ANNA, PAUL, Office
from tests.support.smtp import MailServer

SPAM = "Make money from home with this simple trick that banks do not want you to know about"
HONEST = "Grazie, una pagina davvero interessante per tutta la cooperativa"


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


def a_replica(office: Office) -> Traffic:
    built = office.container
    return Traffic(
        office.database,
        built.directory,
        built.keys,
        clock=office.clock,
        process_id=new_id(),
        on_attack=built.notices.enqueue,
    )


def coop(office: Office) -> Site:
    site = office.container.directory.sites.get("coop")
    assert site is not None
    return site


def from_network(office: Office, number: int, body: str = SPAM, *, is_exempt: bool = False) -> Candidate:
    return a_candidate(
        site=coop(office),
        page_url=f"https://www.example.org/{number % 97}",
        body=body,
        network=f"198.{number // 256}.{number % 256}.0/24",
        is_exempt=is_exempt,
        at=office.clock(),
    )


def come(office: Office, traffic: Traffic, count: int, *, is_exempt: bool = False) -> None:
    """Let comments come, each of another network and with a text of its own."""
    for number in range(count):
        words = "".join(chr(97 + int(digit)) for digit in str(number))
        body = f"{words}a {words}b {words}c {words}d {words}e"
        traffic.count(from_network(office, number, body, is_exempt=is_exempt))


async def shared(*replicas: Traffic) -> None:
    """Let each tell the others, and hear from them."""
    for _ in range(2):
        for one in replicas:
            await one.share()


async def test_much_the_same_from_many_networks_is_suspect_at_every_replica(office: Office) -> None:
    one, other = a_replica(office), a_replica(office)
    for number in range(6):
        (one, other)[number % 2].count(from_network(office, number))
    assert one.look(from_network(office, 6)).reasons == ()
    await shared(one, other)
    late = a_replica(office)
    await late.share()
    found = [each.look(from_network(office, 6)) for each in (one, other, late)]
    assert {finding.verdict for finding in found} == {Verdict.SUSPECT}
    reasons = [(reason.code, reason.detail) for finding in found for reason in finding.reasons]
    assert reasons == [("alike", "6")] * 3
    assert len({finding.text_group for finding in found}) == 1
    honest = one.look(from_network(office, 7, HONEST))
    assert honest == Finding(text_group=honest.text_group)
    assert honest.text_group != found[0].text_group
    exempt = one.look(from_network(office, 8, is_exempt=True))
    assert (exempt.reasons, exempt.verdict) == (NOTHING.reasons, NOTHING.verdict)


async def test_clients_that_are_not_known_are_one_network(office: Office) -> None:
    traffic = a_replica(office)
    for number in range(20):
        traffic.count(a_candidate(site=coop(office), body=SPAM, network=f"unknown {number}", at=office.clock()))
    assert traffic.look(from_network(office, 1)).reasons == ()


async def test_an_attack_begins_and_ends_by_itself_and_is_said_once(office: Office, smtp: MailServer) -> None:
    one, other = office.container.traffic, a_replica(office)
    await shared(one, other)
    come(office, one, 150, is_exempt=True)
    come(office, one, 150)
    await shared(one, other)
    assert one.attacks == other.attacks == {}
    come(office, other, 50)
    await shared(one, other)
    began = office.clock()
    assert one.attacks == other.attacks == {"coop": began}
    assert await office.degraded() == ["under_attack:coop"]
    assert one.is_work_wanted(coop(office))
    figures = await office.container.exposition.figures.read()
    assert figures is not None
    assert figures.under_attack == {"coop": True, "altro": False}
    assert await office.container.queue.deliver_due(attack_notices.KIND) == 2
    assert [len(smtp.to(address)) for address in (ANNA, PAUL)] == [1, 1]
    assert "/desk?site=coop" in smtp.to(PAUL)[0].text()
    for minutes in (11, 5, 6):
        assert one.attacks
        office.clock.advance(minutes=minutes)
        await shared(one, other)
    assert one.attacks == other.attacks == {}
    assert await office.degraded() == []
    assert not one.is_work_wanted(coop(office))
    come(office, one, 250)
    await shared(one, other)
    assert list(one.attacks) == ["coop"]
    assert await office.container.queue.deliver_due(attack_notices.KIND) == 0


async def test_what_a_site_usually_gets_is_no_attack(office: Office) -> None:
    await office.post(3)
    traffic = a_replica(office)
    await traffic.share()
    assert traffic._standings["coop"].usual == pytest.approx(3 / 1_008)
    for _ in range(3):
        office.clock.advance(minutes=10)
        come(office, traffic, 100)
        await traffic.share()
    assert traffic._standings["coop"].usual > 2 * 100 / 1_008
    assert traffic.attacks == {}


async def test_reports_are_forgotten_when_they_say_nothing_any_more(office: Office) -> None:
    traffic = a_replica(office)
    come(office, traffic, 3)
    await traffic.share()
    for minutes, count in ((59, 1), (2, 0)):
        office.clock.advance(minutes=minutes)
        await retention.forget(office.database, office.clock(), sites=office.container.directory.sites)
        async with office.database.read() as connection:
            stored = (await connection.execute(select(func.count()).select_from(traffic_reports))).scalar_one()
        assert stored == count
