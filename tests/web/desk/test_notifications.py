"""The page on which a moderator chooses when and by what means to be told."""

import re
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.conftest import Start
from tests.support.contract import client_of
from tests.support.desk import Browser, logged_in, text_of
from tests.support.factories import SITES
from tests.support.push_server import list_push
from tests.support.smtp import MailServer

PATH = "/desk/notifications"
_CHOSEN = re.compile(r'<option value="([^"]*)" selected>')


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough: what is written is compared elsewhere."""
    return f"sqlite:///{tmp_path}/test.db"


async def chosen(who: Browser, query: str = "") -> tuple[list[str], str]:
    """What the form shows as chosen, and what a reader sees."""
    page = await (await who.get(PATH + query)).text()
    return _CHOSEN.findall(page), text_of(page)


async def test_what_is_chosen_is_kept_for_that_person_alone(http: ClientSession, smtp: MailServer) -> None:
    anna = await logged_in(http, smtp)
    assert f'href="{PATH}"' in await (await anna.get("/desk")).text()
    values, text = await chosen(anna)
    assert values == ["at_once", "8"]
    assert "Europe/Rome" in text
    assert "push" not in text.lower()
    sent = {"schedule": "daily", "hour": "18", "quiet_from": "22", "quiet_until": "7", "away_until": "2026-12-01"}
    answer = await anna.post(PATH, sent)
    assert (answer.status, answer.headers["Location"]) == (303, f"{PATH}?said=kept")
    values, text = await chosen(anna, "?said=kept")
    assert values == ["daily", "18", "22", "7"]
    assert "Salvato." in text
    assert 'value="2026-12-01"' in await (await anna.get(PATH)).text()
    paul = await logged_in(http, smtp, "paul@example.org")
    assert (await chosen(paul))[0] == ["at_once", "8"]
    assert (await paul.post(PATH, {"schedule": "hourly", "away_until": "2026-12-01"})).status == 303
    assert "covered by nobody else" in (await chosen(paul))[1]
    assert "Tutti i moderatori di Associazione dell'Esempio risultano assenti" in text_of(
        await (await anna.get("/desk")).text()
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"schedule": "weekly"},
        {"schedule": ""},
        {"hour": "24"},
        {"hour": "eight"},
        {"quiet_from": "22"},
        {"quiet_until": "7"},
        {"quiet_from": "-1", "quiet_until": "7"},
        {"away_until": "2026-11-22"},
        {"away_until": "9999-12-31"},
        {"away_until": "domani"},
        {"ways": "pigeon"},
    ],
)
async def test_what_is_typed_wrongly_is_shown_with_what_is_wrong_and_nothing_is_kept(
    http: ClientSession, smtp: MailServer, changed: dict[str, str]
) -> None:
    anna = await logged_in(http, smtp)
    answer = await anna.post(PATH, {"schedule": "daily", "hour": "6"} | changed)
    assert answer.status == 422
    assert 'class="wrong"' in await answer.text()
    assert (await chosen(anna))[0] == ["at_once", "8"]


async def test_who_has_a_place_for_push_chooses_the_means_too(
    environ: dict[str, str], start: Start, smtp: MailServer
) -> None:
    list_push(environ, SITES, {"anna": ["ntfy://127.0.0.1:9/topic"]})
    service = await start()
    async with client_of(service.url) as http:
        anna = await logged_in(http, smtp)
        assert (await chosen(anna))[0] == ["at_once", "8", "both"]
        assert (await anna.post(PATH, {"schedule": "at_once", "ways": "push"})).status == 303
        assert (await chosen(anna))[0] == ["at_once", "8", "push"]
