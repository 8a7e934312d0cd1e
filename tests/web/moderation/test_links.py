"""Mailed links: only the one that was mailed, to whom it was mailed, for as long as it is valid."""

import string
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import update

from moderation_service.domain.keys import KeyNotListedError, KeyRing
from moderation_service.domain.moderation.link import Link
from moderation_service.domain.moderation.links import Links
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments
from tests.conftest import Clock
from tests.support.cases import in_turn, one_engine
from tests.support.contract import client_of
from tests.support.factories import OTHER_PAGE, OTHER_SECRET, SECRET, SITES
from tests.support.mailed import ANNA, OLGA, PAUL, Posted, post, press
from tests.support.running import Running, until
from tests.support.smtp import MailServer

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
NOBODY = "01900000-0000-7000-8000-000000000000"
DESK = 'href="https://comments.example.net/desk"'

Start = Callable[..., Awaitable[Running]]


def part_changed(token: str, part: int) -> str:
    """Change one character in the middle of a part: payload, time or signature."""
    parts = token.split(".")
    middle = len(parts[part]) // 2
    other = "B" if parts[part][middle] == "A" else "A"
    parts[part] = parts[part][:middle] + other + parts[part][middle + 1 :]
    return ".".join(parts)


FORGERIES: dict[str, Callable[[str], str]] = {
    "payload changed": lambda token: part_changed(token, -3),
    "time changed": lambda token: part_changed(token, -2),
    "signature changed": lambda token: part_changed(token, -1),
    "last character cut": lambda token: token[:-1],
    "half of it": lambda token: token[: len(token) // 2],
    "no signature": lambda token: token.rpartition(".")[0],
    "empty signature": lambda token: token.rpartition(".")[0] + ".",
    "padded": lambda token: token + "%3D",
    "a character more": lambda token: token + "A",
    "a dot more": lambda token: token + ".",
    "other alphabet of base64": lambda token: token[:-1] + "%2B",
    "not ASCII": lambda token: token + "%C3%A8",
    "not UTF-8": lambda token: token + "%FF",
    "a null": lambda token: token + "%00",
    "a line break": lambda token: token + "%0D%0ASet-Cookie:%20a=b",
    "a million characters": lambda _: "A" * 6_000,
    "not a token": lambda _: "approve",
    "the two last parts swapped": lambda token: ".".join(
        [*token.split(".")[:-2], *reversed(token.split(".")[-2:])]
    ),
}


@pytest.fixture
async def posted(http: ClientSession, smtp: MailServer) -> Posted:
    return await post(http, smtp)


@one_engine
@in_turn("forge", FORGERIES.values())
async def test_a_forged_link_opens_nothing(
    http: ClientSession, posted: Posted, forge: Callable[[str], str]
) -> None:
    for answer in (
        await http.get(f"/moderate/{forge(posted.token())}/approve"),
        await press(http, f"/moderate/{forge(posted.token())}/approve"),
    ):
        assert answer.status == 404
        page = await answer.text()
        assert answer.content_type == "text/html"
        assert "interessante" not in page
        assert DESK in page


@one_engine
async def test_every_other_spelling_of_a_link_is_refused(http: ClientSession, smtp: MailServer) -> None:
    posted = await post(http, smtp)
    token = posted.token()
    accepted = [
        last for last in ALPHABET if (await http.get(f"/moderate/{token[:-1]}{last}/approve")).status == 200
    ]
    assert accepted == [token[-1]]


async def test_a_link_opens_its_own_comment_and_no_other(http: ClientSession, smtp: MailServer) -> None:
    first = await post(http, smtp, body="il primo")
    second = await post(http, smtp, body="il secondo", author_name="Carlo")
    other = await post(http, smtp, page_url=OTHER_PAGE, body="elsewhere")
    for posted, text, moderator in (
        (first, "il primo", ANNA),
        (second, "il secondo", PAUL),
        (other, "elsewhere", OLGA),
    ):
        page = await (await http.get(posted.path("approve", moderator))).text()
        assert text in page
        assert sum(one in page for one in ("il primo", "il secondo", "elsewhere")) == 1
    tokens = {first.token(), first.token(PAUL), second.token(), second.token(PAUL), other.token(OLGA)}
    assert len(tokens) == 5


async def test_a_genuine_link_that_mixes_sites_is_void(
    http: ClientSession, smtp: MailServer, service: Running
) -> None:
    posted = await post(http, smtp)
    links = service.container.links
    for changed in (
        {"site_id": "altro", "moderator_id": "olga", "address_hash": links.address_hash(OLGA)},
        {"site_id": "altro"},
        {"site_id": "gone"},
        {"moderator_id": "paul"},
        {"address_hash": links.address_hash(PAUL)},
        {"comment_id": "01900000-0000-7000-8000-000000000000"},
        {"revision": 2},
    ):
        link: dict[str, Any] = {
            "site_id": "coop",
            "moderator_id": "anna",
            "comment_id": posted.id,
            "revision": 1,
            "address_hash": links.address_hash(ANNA),
        } | changed
        answer = await http.get(f"/moderate/{links.mint(Link(**link))}/approve")
        assert answer.status == 410, changed
        assert "interessante" not in await answer.text()


@one_engine
@pytest.mark.parametrize(
    ("moderator", "words"), [(ANNA, "Questo link è scaduto"), (PAUL, "This link has expired")]
)
async def test_a_link_lives_for_thirty_days_and_then_says_so_in_its_readers_language(
    http: ClientSession, smtp: MailServer, clock: Clock, moderator: str, words: str
) -> None:
    posted = await post(http, smtp)
    clock.advance(days=30)
    assert (await http.get(posted.path("approve", moderator))).status == 200
    clock.advance(seconds=1)
    for answer in (
        await http.get(posted.path("approve", moderator), headers={"Accept-Language": "fr, de"}),
        await press(http, posted.path("approve", moderator), headers={"Accept-Language": "en, it"}),
    ):
        assert answer.status == 410
        page = await answer.text()
        assert f"<h1>{words}</h1>" in page
        assert DESK in page


async def test_an_expired_link_says_what_was_decided_and_by_whom(
    http: ClientSession, smtp: MailServer, clock: Clock
) -> None:
    posted = await post(http, smtp)
    await press(http, posted.path("approve", PAUL))
    clock.advance(days=31)
    page = await (await http.get(posted.path("spam", ANNA))).text()
    assert "Paul lo ha approvato il 22 novembre alle 11:00." in page
    assert "interessante" not in page


@pytest.mark.parametrize(
    ("change", "closed", "open_still"),
    [
        (("anna@example.org", "anna.nuova@example.org"), ANNA, PAUL),
        (('id = "anna"', 'id = "annamaria"'), ANNA, PAUL),
        (
            (SITES[SITES.index('[[site.moderator]]\nid = "paul"') : SITES.index('[[site]]\nid = "altro"')], ""),
            PAUL,
            ANNA,
        ),
    ],
    ids=["the address changed", "the moderator has another id", "the moderator has left"],
)
async def test_a_link_dies_with_its_moderators_place_in_the_sites_file(
    http: ClientSession,
    smtp: MailServer,
    service: Running,
    change: tuple[str, str],
    closed: str,
    open_still: str,
) -> None:
    posted = await post(http, smtp)
    await replace_sites(service, SITES.replace(*change))
    refused = await http.get(posted.path("approve", closed))
    assert refused.status == 410
    page = await refused.text()
    assert DESK in page
    assert "interessante" not in page
    assert (await press(http, posted.path("approve", closed))).status == 410
    assert (await http.get(posted.path("approve", open_still))).status == 200


async def test_an_address_in_other_letters_is_the_same_address(
    http: ClientSession, smtp: MailServer, service: Running
) -> None:
    posted = await post(http, smtp)
    await replace_sites(service, SITES.replace("anna@example.org", "Anna@Example.ORG"))
    assert (await http.get(posted.path("approve"))).status == 200


async def test_a_link_outlives_a_second_key_and_dies_with_its_own(
    start: Start, smtp: MailServer, clock: Clock
) -> None:
    both, newest = f"{OTHER_SECRET},{SECRET}", OTHER_SECRET
    old_links = Links(KeyRing([SECRET]), clock)
    service = await start(clock=clock, secret_keys=both)
    async with client_of(service.url) as http:
        posted = await post(http, smtp)
        signed_by_the_old_key = old_links.mint(
            Link(
                site_id="coop",
                moderator_id="anna",
                comment_id=posted.id,
                revision=1,
                address_hash=old_links.address_hash(ANNA),
            )
        )
        assert (await http.get(f"/moderate/{signed_by_the_old_key}/approve")).status == 200
        assert (await http.get(posted.path("approve"))).status == 200
    service.stop.set()
    service = await start(clock=clock, secret_keys=newest)
    async with client_of(service.url) as http:
        refused = await http.get(f"/moderate/{signed_by_the_old_key}/approve")
        assert refused.status == 404
        assert DESK in await refused.text()
        assert (await http.get(posted.path("approve"))).status == 200


async def test_a_service_does_not_start_without_a_key_that_something_is_stored_under(
    start: Start, smtp: MailServer, clock: Clock
) -> None:
    service = await start(clock=clock, secret_keys=SECRET)
    async with client_of(service.url) as http:
        posted = await post(http, smtp)
    service.stop.set()
    with pytest.raises(KeyNotListedError):
        await start(clock=clock, secret_keys=OTHER_SECRET)
    rotated = await start(clock=clock, secret_keys=f"{OTHER_SECRET},{SECRET}")
    async with client_of(rotated.url) as http:
        assert (await http.get(posted.path("approve"))).status == 200


@one_engine
@in_turn("decision", ["delete", "Approve", "approve%20", "approve/spam", "edit", "reply", ""])
async def test_an_unknown_decision_is_not_found(http: ClientSession, posted: Posted, decision: str) -> None:
    path = f"/moderate/{posted.token()}/{decision}"
    for answer in (await http.get(path, headers={"Accept": "text/html"}), await http.post(path)):
        assert answer.status == 404
        assert "interessante" not in await answer.text()


async def replace_sites(service: Running, text: str) -> None:
    """Replace the sites file and give the signal to look at it."""
    rewrite(service.container.settings.sites, text)
    before = service.container.directory.sites
    service.container.sites_changed.set()
    await until(lambda: service.container.directory.sites is not before)


def rewrite(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


async def test_a_link_shows_what_is_answered_and_the_text_as_the_desk_does(
    http: ClientSession, smtp: MailServer
) -> None:
    first = await post(http, smtp, body="Wo ist das **alte** Haus? " + "wort " * 60)
    await press(http, first.path("approve"))
    answer = await post(http, smtp, parent_id=first.id, body="**Ja** [hier](https://b.example/) [url=x]")
    page = await (await http.get(answer.path("approve", PAUL))).text()
    assert "<bdi>Giuliana</bdi> wrote:" in page
    assert "Wo ist das alte Haus? wort" in page
    assert "wort " * 50 not in page
    assert '<strong>Ja</strong> <span class="link">hier</span> <span class="target">(https://b.example/)' in page
    assert "forum markup" in page


async def test_a_link_says_when_what_is_answered_is_gone(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    first = await post(http, smtp)
    await press(http, first.path("approve"))
    answer = await post(http, smtp, parent_id=first.id, body="Ja")
    async with database.write() as connection:
        await connection.execute(update(comments).where(comments.c.id == answer.id).values(parent_id=NOBODY))
    page = await (await http.get(answer.path("approve", PAUL))).text()
    assert "In reply to a comment that no longer exists" in page
