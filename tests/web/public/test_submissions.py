"""Posting twice, too often, or in the wrong order: what the website is told, and what is kept."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import update

from moderation_service.storage.schema import idempotency_keys
from tests.conftest import Clock, Start
from tests.support.cases import in_turn
from tests.support.contract import client_of
from tests.support.factories import ADDRESS, OTHER_PAGE, PAGE, a_submission, bearer
from tests.support.posting import COMMENTS, decide, post, published, queued, status_of, urlencoded, without_note
from tests.support.running import Running, until
from tests.support.smtp import MailServer

KEY = {"Idempotency-Key": "a key"}
HERE, NEARBY = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.200"}
THERE, NOWHERE = {"X-Forwarded-For": "198.51.100.1"}, {"X-Forwarded-For": "unknown"}
UNKNOWN = "0197c0de-0000-7000-8000-000000000001"


async def problem(http: ClientSession, headers: dict[str, str] | None = None, **changed: Any) -> tuple[int, str]:
    """Post a comment; the status of the answer and the code of its problem."""
    answer = await http.post(COMMENTS, json=a_submission(**changed), headers=headers)
    document = await answer.json()
    return answer.status, document["type"].rpartition(":")[2] if answer.status >= 400 else ""


async def test_a_comment_is_accepted_and_found_at_its_location(http: ClientSession) -> None:
    answer = await http.post(COMMENTS, json=a_submission(page_url=f"{PAGE}?utm_source=x#respond"))
    receipt = await answer.json()
    assert answer.status == 202
    assert answer.headers["Location"] == f"{COMMENTS}/{receipt['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert receipt == {
        "id": receipt["id"],
        "status": "pending",
        "page_url": PAGE,
        "created_at": "2026-11-22T10:00:00Z",
        "receipt_url": receipt["receipt_url"],
    }
    assert (await http.get(answer.headers["Location"])).status == 404
    await decide(http, "approve", receipt["id"])
    assert (await http.get(answer.headers["Location"])).status == 200


async def test_a_key_makes_one_comment_and_one_mail_of_many_posts(http: ClientSession, smtp: MailServer) -> None:
    answers = await asyncio.gather(*(post(http, headers=KEY) for _ in range(5)))
    answers.append(await post(http, headers=KEY))
    assert all(answer == answers[0] for answer in answers)
    assert len(await queued(http)) == 1
    await smtp.wait_for(2)
    await post(http, body="un altro")
    await until(lambda: sum(int(mail.message["X-Comments"]) for mail in smtp.mails) >= 4)
    assert sum(int(mail.message["X-Comments"]) for mail in smtp.mails) == 4


async def test_a_key_is_good_over_all_encodings(http: ClientSession) -> None:
    await post(http, headers=KEY)
    body, headers = urlencoded(a_submission(redirect_to="/grazie"))
    answer = await http.post(COMMENTS, data=body, headers=headers | KEY, allow_redirects=False)
    assert answer.status == 303
    assert len(await queued(http)) == 1


@in_turn(
    "changed",
    [
        {"page_url": f"{PAGE}/2"},
        {"page_title": "Altro"},
        {"page_title": None},
        {"author_name": "Anna"},
        {"author_email": "anna@example.com"},
        {"author_url": "https://www.example.org"},
        {"body": "interessante"},
    ],
)
async def test_a_key_stands_for_one_payload(http: ClientSession, changed: dict[str, Any]) -> None:
    await post(http, headers=KEY)
    assert await problem(http, KEY, **changed) == (422, "key_reused")
    assert len(await queued(http)) == 1


@in_turn(
    "body, changed",
    [
        ("corto", {}),
        ("corto", {"author_email": "anna@example.com"}),
        ("corto", {"parent_id": UNKNOWN}),
        ("**_" * 20_000, {}),
    ],
)
async def test_a_used_key_says_nothing_to_another_network(
    behind_proxies: Running, clock: Clock, body: str, changed: dict[str, Any]
) -> None:
    clock.advance(minutes=11)
    key = {"Idempotency-Key": f"{body[:5]} {changed}"}
    async with client_of(behind_proxies.url) as http:
        first = await post(http, headers=key | HERE, body=body)
        assert await problem(http, key | THERE, **({"body": body} | changed)) == (422, "key_reused")
        assert await problem(http, key | NOWHERE, **({"body": body} | changed)) == (422, "key_reused")
        assert await post(http, headers=key | NEARBY, body=body) == first


async def test_a_key_is_good_again_for_clients_whom_the_proxy_does_not_name(start: Start, clock: Clock) -> None:
    service = await start(clock=clock, trusted_proxies="127.0.0.1/32")
    async with client_of(service.url) as http:
        first = await post(http, headers=KEY | NOWHERE)
        assert await post(http, headers=KEY | NOWHERE) == first
        assert await problem(http, KEY | HERE) == (422, "key_reused")


async def test_a_key_of_an_older_version_is_good_in_every_network(start: Start, clock: Clock) -> None:
    service = await start(clock=clock, trusted_proxies="127.0.0.1/32")
    async with client_of(service.url) as http:
        first = await post(http, headers=KEY | HERE)
        async with service.container.database.write() as connection:
            await connection.execute(update(idempotency_keys).values(network_hash=None))
        assert await post(http, headers=KEY | THERE) == first
        assert await problem(http, KEY | HERE, body="altro") == (422, "key_reused")


async def test_a_key_belongs_to_its_site(http: ClientSession) -> None:
    first = await post(http, headers=KEY)
    other = await post(http, headers=KEY, page_url=OTHER_PAGE)
    assert first["id"] != other["id"]


async def test_a_key_is_remembered_for_a_day(http: ClientSession, clock: Clock) -> None:
    first = await post(http, headers=KEY)
    clock.advance(hours=24)
    assert await post(http, headers=KEY) == first
    clock.advance(seconds=1)
    second = await post(http, headers=KEY, body="altro")
    assert second["id"] != first["id"]
    assert len(await queued(http)) == 2


async def test_a_refused_request_keeps_no_key(http: ClientSession) -> None:
    await post(http)
    refused = [
        ({}, (409, "duplicate")),
        ({"parent_id": "0197c0de-0000-7000-8000-000000000001"}, (422, "invalid_fields")),
        ({"body": ""}, (422, "invalid_fields")),
        ({"page_url": "https://nobody.example/"}, (403, "unknown_site")),
    ]
    for changed, answer in refused:
        assert await problem(http, KEY, **changed) == answer
    assert await status_of(http, KEY, body="altro") == 202


async def test_a_replay_answers_as_before_whatever_was_decided_since(http: ClientSession) -> None:
    parent = await published(http)
    first = await post(http, headers=KEY, body="risposta", parent_id=parent)
    await decide(http, "reject", parent)
    assert await post(http, headers=KEY, body="risposta", parent_id=parent) == first


@in_turn("key, status", [("k" * 255, 202), ("k" * 256, 422), ("", 422), ("é", 422), ("a\tb", 422)])
async def test_a_key_is_up_to_255_characters_of_ascii(http: ClientSession, key: str, status: int) -> None:
    assert await status_of(http, {"Idempotency-Key": key}) == status


async def test_the_checks_come_in_the_order_of_the_contract(http: ClientSession) -> None:
    foreign = {"Origin": "https://evil.example"}
    nowhere = {"page_url": "https://nobody.example/"}
    text = {"Content-Type": "text/plain"}
    assert (await http.post(COMMENTS, data=b"{" * 262_145, headers=text)).status == 413
    assert (await http.post(COMMENTS, data=b"{", headers=text)).status == 415
    assert await problem(http, foreign | {"Idempotency-Key": ""}) == (422, "invalid_fields")
    assert await problem(http, foreign, body="", **nowhere) == (422, "invalid_fields")
    assert await problem(http, foreign, **nowhere) == (403, "unknown_site")
    await post(http, headers=KEY)
    assert await problem(http, KEY | foreign) == (403, "foreign_origin")
    for number in range(19):
        await post(http, body=f"commento {number}")
    assert await problem(http, KEY) == (202, "")
    assert await problem(http, KEY, body="altro") == (422, "key_reused")
    assert await problem(http) == (429, "rate_limited")


async def test_twenty_in_ten_minutes_pass_and_the_next_waits_as_long_as_it_is_told(
    http: ClientSession, clock: Clock
) -> None:
    await post(http)
    clock.advance(minutes=4)
    for number in range(19):
        await post(http, body=f"commento {number}")
    answer = await http.post(COMMENTS, json=a_submission(body="ancora"))
    assert answer.status == 429
    wait = int(answer.headers["Retry-After"])
    assert 360 <= wait <= 361
    clock.advance(seconds=wait - 2)
    assert await status_of(http, body="ancora") == 429
    clock.advance(seconds=2)
    assert await status_of(http, body="ancora") == 202
    assert await status_of(http, body="e ancora") == 429


async def test_a_limit_is_of_one_site(http: ClientSession) -> None:
    for number in range(20):
        await post(http, body=f"commento {number}")
    assert await status_of(http, body="ancora") == 429
    assert await status_of(http, body="ancora", page_url=OTHER_PAGE) == 202


async def test_a_stranger_cannot_choose_a_network(http: ClientSession) -> None:
    for number in range(20):
        claims = {
            "X-Forwarded-For": f"192.0.{number}.1",
            "X-Real-IP": f"192.0.{number}.1",
            "Forwarded": "for=1.1.1.1",
        }
        await post(http, headers=claims, body=f"commento {number}")
    assert await status_of(http, {"X-Forwarded-For": "198.51.100.1"}, body="ancora") == 429


@pytest.fixture
async def behind_proxies(start: Callable[..., Any], clock: Clock) -> Running:
    running: Running = await start(clock=clock, trusted_proxies="127.0.0.0/8, 10.0.0.0/8, fd00::/8")
    return running


FORWARDED = [
    ("192.0.2.200", 429),
    ("192.0.3.1", 202),
    ("198.51.100.1, 192.0.2.1", 429),
    ("192.0.2.1, 198.51.100.1", 202),
    ("198.51.100.2, 192.0.2.1, 10.1.1.1, fd00::1", 429),
    ("192.0.2.1, ::ffff:10.1.1.1", 429),
    ("::ffff:192.0.2.77", 429),
    ("rubbish, 192.0.2.1", 429),
    ("192.0.2.1, rubbish", 202),
    ("", 202),
    (",,,", 202),
    ("2001:db8:1:2::1", 429),
    ("2001:db8:1:ffff::9", 429),
    ("2001:db8:2::1", 202),
]


async def test_a_trusted_proxy_says_which_network_a_client_is_of(behind_proxies: Running) -> None:
    async with client_of(behind_proxies.url) as http:
        for number in range(20):
            await post(http, headers={"X-Forwarded-For": f"192.0.2.{number}"}, body=f"commento {number}")
            await post(http, headers={"X-Forwarded-For": f"2001:db8:1::{number}"}, body=f"commento {number}")
        found = [
            (chain, await status_of(http, {"X-Forwarded-For": chain}, body=f"da {chain}"))
            for chain, _ in FORWARDED
        ]
    assert found == FORWARDED


@in_turn(
    "changed, status",
    [
        ({}, 409),
        ({"page_url": f"{PAGE}?utm_source=x#respond"}, 409),
        ({"author_name": "Un'altra", "page_title": None, "author_url": "https://a.example"}, 409),
        ({"author_email": ADDRESS.upper()}, 409),
        ({"body": " interessante…\r\n"}, 409),
        ({"body": "Interessante…"}, 202),
        ({"page_url": f"{PAGE}/2"}, 202),
        ({"author_email": "altra@example.com"}, 202),
    ],
)
async def test_a_repetition_is_the_same_page_text_address_and_network(
    http: ClientSession, clock: Clock, changed: dict[str, Any], status: int
) -> None:
    clock.advance(minutes=11)
    before = len(await queued(http))
    await post(http)
    assert await status_of(http, **changed) == status
    assert len(await queued(http)) - before == (1 if status == 409 else 2)


async def test_an_answer_to_another_comment_is_no_repetition(http: ClientSession) -> None:
    parent = await published(http)
    assert await status_of(http, parent_id=parent) == 202
    assert await status_of(http, parent_id=parent) == 409


async def test_a_repetition_is_forgotten_after_ten_minutes(http: ClientSession, clock: Clock) -> None:
    await post(http)
    clock.advance(minutes=10, seconds=-1)
    assert await status_of(http) == 409
    clock.advance(seconds=1)
    assert await status_of(http) == 202


async def test_who_presses_the_button_twice_is_sent_back_as_the_first_time(http: ClientSession) -> None:
    body, headers = urlencoded(a_submission(redirect_to="/grazie"))
    answers = [await http.post(COMMENTS, data=body, headers=headers, allow_redirects=False) for _ in range(2)]
    assert [one.status for one in answers] == [303, 303]
    first, again = [one.headers["Location"] for one in answers]
    assert without_note(first) == again == "https://www.example.org/grazie"
    assert len(await queued(http)) == 1


async def test_nobody_learns_from_another_network_whether_an_address_is_an_authors(
    behind_proxies: Running,
) -> None:
    async with client_of(behind_proxies.url) as http:
        await post(http, headers={"X-Forwarded-For": "192.0.2.1"})
        right, wrong = [
            await post(http, headers={"X-Forwarded-For": "198.51.100.1"}, author_email=guess)
            for guess in (ADDRESS, "wrong@example.com")
        ]
        assert right.keys() == wrong.keys()
        assert await status_of(http, {"X-Forwarded-For": "192.0.2.99"}) == 409


async def test_without_screening_everything_is_kept(start: Callable[..., Any], clock: Clock) -> None:
    running: Running = await start(clock=clock, screening="off")
    async with client_of(running.url) as http:
        for _ in range(25):
            await post(http, body="http://a http://b http://c")
        assert len(await queued(http)) == 25
        answer = await http.get("/api/v1/moderation/comments", headers=bearer(), params={"limit": "1"})
        assert (await answer.json())["next_cursor"]
