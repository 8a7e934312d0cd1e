"""Jobs over many rows write in stretches: other writers get their turn, and a kill costs one stretch."""

import re
from collections.abc import AsyncIterator

import pytest

from moderation_service import sites, workers
from moderation_service.domain.errors import UnavailableError
from moderation_service.services import directory as directories
from moderation_service.storage import handover
from tests import office as offices
from tests.conftest import Clock
from tests.office import ANNA, Office
from tests.smtp import MailServer
from tests.written import rows_of_transactions

STRETCH = 5


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "MOST_ROWS", STRETCH)


async def replace_sites(office: Office, *changes: tuple[str, str]) -> None:
    file = office.service.settings.sites
    text = file.read_text()
    for old, new in changes:
        assert re.search(old, text)
        text = re.sub(old, new, text)
    file.write_text(text)
    await office.service.directory.replace(
        office.database, sites.load(file), now=office.clock(), new_id=workers.new_id
    )


CHANGED_ADDRESS = (ANNA, "anna@example.net")
LEFT = (r'\[\[site.moderator]]\nid = "anna"\n(?:.+\n)+', "")


async def test_a_changed_address_takes_over_all_that_was_open_in_bounded_transactions(
    office: Office, smtp: MailServer
) -> None:
    told, decided = await office.post(12), await office.post(2)
    await office.delivery().deliver_due()
    await office.decide(decided)
    waiting = await office.post(12)
    before = await office.states()
    with rows_of_transactions() as written:
        await replace_sites(office, CHANGED_ADDRESS)
    assert max(written) <= STRETCH
    assert sum(written) >= len(told) + len(waiting)
    states = await office.states()
    annas = {comment: state for (comment, moderator), state in states.items() if moderator == "anna"}
    assert annas == dict.fromkeys([*told, *waiting], "waiting") | dict.fromkeys(decided, "told")
    assert {key: state for key, state in states.items() if key[1] == "paul"} == {
        key: state for key, state in before.items() if key[1] == "paul"
    }
    await office.delivery().deliver_due()
    assert sorted(office.told_in(smtp.to("anna@example.net")[0])) == sorted([*told, *waiting])


async def test_a_handover_that_was_broken_off_goes_on_where_it_was(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = await office.post(12)
    done: list[int] = []
    hand_over = handover.hand_over

    async def fails_at_the_second(*arguments: object) -> None:
        if len(done) == 1:
            raise UnavailableError
        done.append(1)
        await hand_over(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(handover, "hand_over", fails_at_the_second)
    with pytest.raises(UnavailableError):
        await replace_sites(office, LEFT)
    states = await office.states()
    assert sum(state == "superseded" for state in states.values()) == STRETCH
    monkeypatch.setattr(handover, "hand_over", hand_over)
    with rows_of_transactions() as written:
        await office.service.directory.pass_on(office.database, now=office.clock())
    assert max(written) <= STRETCH
    assert await office.states() == {(one, "anna"): "superseded" for one in posted} | {
        (one, "paul"): "waiting" for one in posted
    }


async def test_an_address_that_changes_with_its_paths_gets_only_what_it_may_see(
    office: Office, smtp: MailServer
) -> None:
    [about] = await office.post(1)
    [blog] = await office.post(1, page_url="https://www.example.org/blog/one")
    await replace_sites(office, (f'email = "{ANNA}"', 'email = "anna@example.net"\npaths = ["/blog"]'))
    states = await office.states()
    assert states[about, "anna"] == "superseded"
    assert states[blog, "anna"] == "waiting"
    await office.delivery().deliver_due()
    assert office.told_in(smtp.to("anna@example.net")[0]) == [blog]
