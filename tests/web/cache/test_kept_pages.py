"""The page of comments is kept as its list is: made once, told by both validators, dropped by a change."""

from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.services.comments.listing import Listings
from tests.conftest import Clock
from tests.support.desk import a_comment, replace_sites
from tests.support.factories import PAGE, SITES, bearer
from tests.support.running import Running

PATHS = ["/comments", "/api/v1/comments"]
QUERY = {"page_url": PAGE}


async def decide(http: ClientSession, comment_id: str, decision: str) -> None:
    wanted = {"decisions": [{"id": comment_id, "decision": decision}]}
    answer = await http.post("/api/v1/moderation/decisions", json=wanted, headers=bearer())
    assert answer.status == 200


async def ask(
    http: ClientSession, path: str, *, query: dict[str, str] | None = None, **headers: str
) -> ClientResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await http.get(path, params=query or QUERY, headers=named)
    await answer.read()
    return answer


@pytest.fixture
async def comment_id(http: ClientSession) -> str:
    """An approved comment."""
    found = await a_comment(http)
    await decide(http, found, "approve")
    return found


@pytest.mark.parametrize("path", PATHS)
async def test_either_validator_alone_tells_that_nothing_changed(
    http: ClientSession, clock: Clock, comment_id: str, path: str
) -> None:
    first = await ask(http, path)
    changed = parsedate_to_datetime(first.headers["Last-Modified"])
    assert changed == clock.now
    by_tag = await ask(http, path, If_None_Match=first.headers["ETag"])
    assert by_tag.status == 304
    clock.advance(minutes=30)
    for since, status in (
        (changed, 304),
        (changed + timedelta(minutes=30), 304),
        (changed + timedelta(minutes=31), 200),
        (changed - timedelta(seconds=1), 200),
    ):
        answer = await ask(http, path, If_Modified_Since=format_datetime(since, usegmt=True))
        assert answer.status == status, since
        assert answer.headers["ETag"] == first.headers["ETag"]
    for rubbish in ("yesterday", "", "Sun, 22 Nov 2026 10:00:00"):
        assert (await ask(http, path, If_Modified_Since=rubbish)).status == 200
    by_both = await ask(
        http, path, If_None_Match='"other"', If_Modified_Since=format_datetime(changed, usegmt=True)
    )
    assert by_both.status == 200

    clock.advance(minutes=1)
    await decide(http, comment_id, "reject")
    after = await ask(http, path, If_Modified_Since=format_datetime(changed, usegmt=True))
    assert after.status == 200
    assert parsedate_to_datetime(after.headers["Last-Modified"]) == clock.now


async def test_a_page_is_made_once_for_each_language_and_query(
    http: ClientSession, comment_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    make = Listings.read

    async def counted(*arguments: object, **named: object) -> object:
        made.append(1)
        return await make(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Listings, "read", counted)
    variants = [
        ({}, {"Accept_Language": "de"}, 'lang="de"'),
        ({}, {"Accept_Language": "it"}, 'lang="it"'),
        ({"lang": "fr"}, {"Accept_Language": "de"}, 'lang="fr"'),
        ({"held": "1"}, {"Accept_Language": "it"}, 'id="held"'),
        ({"reply_to": comment_id}, {"Accept_Language": "it"}, f'value="{comment_id}"'),
    ]
    for count, (query, headers, expected) in enumerate(variants, start=1):
        first = await ask(http, "/comments", query=QUERY | query, **headers)
        again = await ask(http, "/comments", query=QUERY | query, **headers)
        assert expected in await first.text()
        assert await again.read() == await first.read()
        assert len(made) == count
        headers_of = [
            {name: value for name, value in one.headers.items() if name != "Date"} for one in (first, again)
        ]
        assert headers_of[0] == headers_of[1]
        assert "Accept-Language" in first.headers["Vary"]
    assert 'id="held"' not in await (await ask(http, "/comments", Accept_Language="it")).text()
    for count in (1, 2):
        noted = await ask(http, "/comments", query=QUERY | {"comment_receipt": "x"}, Accept_Language="it")
        assert (noted.headers["Cache-Control"], len(made)) == ("no-store", len(variants) + count)


async def test_what_the_sites_file_says_is_shown_when_it_changes(
    http: ClientSession, service: Running, comment_id: str, tmp_path: Path
) -> None:
    assert comment_id
    assert "Associazione" in await (await ask(http, "/comments")).text()
    changed = """name = "Cooperativa Nuova"
    rules_url = "https://www.example.org/regole"
    fields = {author_url = "hidden"}"""
    await replace_sites(service, tmp_path, SITES.replace('name = "Associazione dell\'Esempio"', changed))
    page = await (await ask(http, "/comments")).text()
    assert "Cooperativa Nuova" in page
    assert '<a href="https://www.example.org/regole">' in page
    assert 'name="author_url"' not in page
