"""Strings that have broken programs: none breaks this one, and what is accepted comes back as it was sent."""

import asyncio
import re
import unicodedata
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import pytest
from aiohttp import ClientSession

from tests.conftest import Clock, Start
from tests.support.cases import one_engine
from tests.support.desk import logged_in
from tests.support.factories import PAGE, a_submission, bearer
from tests.support.posting import COMMENTS, Encoded, raw_json, urlencoded
from tests.support.running import Running
from tests.support.smtp import MailServer
from tests.support.validators import naughty_strings

QUEUE = "/api/v1/moderation/comments"
AT_ONCE = 16
TEXTS = ("author_name", "body", "author_url", "page_title")
T = TypeVar("T")
REFUSED = {403, 422}


class Sent(NamedTuple):
    """A string in a field of a comment, and what was answered."""

    field: str
    string: str
    page_url: str
    status: int
    id: str


@pytest.fixture
async def service(start: Start, clock: Clock) -> Running:
    """Without screening, and with one mail at first, for what is meant is what is stored."""
    return await start(clock=clock, screening="off", mail_interval="3600")


async def all_of(jobs: list[Callable[[], Awaitable[T]]]) -> list[T]:
    """Do all jobs, a few at the same time; what they give, in their order."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(job: Callable[[], Awaitable[T]]) -> T:
        async with room:
            return await job()

    return await asyncio.gather(*map(one, jobs))


def comments_with(strings: list[str]) -> list[tuple[str, str, dict[str, Any]]]:
    """Each string in each field of a comment, with a page of its own where titles or addresses differ."""
    found = []
    for number, string in enumerate(strings):
        own = {"page_url": f"{PAGE}/{number}"}
        found += [
            ("author_name", string, a_submission(author_name=string)),
            ("body", string, a_submission(body=string)),
            ("author_url", string, a_submission(author_url=string)),
            ("page_title", string, a_submission(page_title=string, **own)),
            ("page_url", string, a_submission(page_url=string)),
            ("page_url", string, a_submission(page_url=f"{PAGE}/{string}")),
            ("page_url", string, a_submission(page_url=f"{PAGE}?{string}#{string}")),
        ]
    return found


async def post_all(http: ClientSession, encoded: Callable[[dict[str, Any]], Encoded], accepted: int) -> list[Sent]:
    """Post all comments; each is accepted, or refused with a word on what is wrong with it."""

    async def send(field: str, string: str, comment: dict[str, Any]) -> Sent:
        body, headers = encoded(comment)
        answer = await http.post(COMMENTS, data=body, headers=headers, allow_redirects=False)
        is_json = answer.status == accepted and answer.content_type == "application/json"
        comment_id = (await answer.json())["id"] if is_json else ""
        await answer.read()
        return Sent(field, string, comment["page_url"], answer.status, comment_id)

    sent = await all_of(
        [lambda one=one: send(*one) for one in comments_with(naughty_strings())]  # type: ignore[misc]
    )
    assert {one.status for one in sent} <= {accepted, *REFUSED}, [
        one for one in sent if one.status not in {accepted, *REFUSED}
    ]
    return sent


async def stored(http: ClientSession) -> list[dict[str, Any]]:
    """All comments of the site, as the moderation API lists them."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
        answer = await http.get(QUEUE, params=query, headers=bearer())
        assert answer.status == 200
        page = await answer.json()
        found += page["comments"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def as_stored(field: str, string: str) -> str:
    """What the contract makes of a text: nothing of what nobody sees, and else no blanks around it.

    A body has line feeds and no other control characters.
    """
    if all(unicodedata.category(one) in {"Cc", "Cf", "Zl", "Zp", "Zs"} for one in string):
        return ""
    if field == "body":
        string = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", re.sub(r"\r\n?", "\n", string))
    return string.strip()


class Kept(NamedTuple):
    """A comment that was accepted, and the string that it holds in some of its texts."""

    id: str
    page_url: str
    texts: dict[str, str]


async def post_together(http: ClientSession, string: str, page_url: str) -> Kept | None:
    """Post a string in every text of a comment at once, less those that refuse it; None where all do."""
    texts = set(TEXTS)
    while texts:
        body, headers = raw_json(a_submission(page_url=page_url, **dict.fromkeys(texts, string)))
        answer = await http.post(COMMENTS, data=body, headers=headers)
        document = await answer.json()
        if answer.status == 202:
            return Kept(document["id"], page_url, dict.fromkeys(texts, string))
        refused = set(document["errors"])
        assert (answer.status, refused - texts) == (422, set()), string
        assert refused, string
        texts -= refused
    return None


async def post_at(http: ClientSession, page_url: str) -> Kept | None:
    """Post a comment to a page of any address; None where that is none."""
    body, headers = raw_json(a_submission(page_url=page_url))
    answer = await http.post(COMMENTS, data=body, headers=headers)
    assert answer.status in {202, *REFUSED}, page_url
    return Kept((await answer.json())["id"], page_url, {}) if answer.status == 202 else None


async def test_no_string_in_json_breaks_anything_and_what_is_accepted_is_listed(http: ClientSession) -> None:
    jobs: list[Callable[[], Awaitable[Kept | None]]] = []
    for number, string in enumerate(naughty_strings()):
        jobs.append(partial(post_together, http, string, f"{PAGE}/{number}"))
        addresses = (string, f"{PAGE}/{string}", f"{PAGE}?{string}#{string}")
        jobs += [partial(post_at, http, address) for address in addresses]
    accepted = {one.id: one for one in await all_of(jobs) if one is not None}
    assert {name for one in accepted.values() for name in one.texts} == set(TEXTS)
    by_id = {one["id"]: one for one in await stored(http)}
    assert by_id.keys() == accepted.keys()
    for one in accepted.values():
        for name, string in one.texts.items():
            assert (by_id[one.id][name] or "") == as_stored(name, string), one
    ids = list(accepted)
    for start in range(0, len(ids), 500):
        decisions = [{"id": one, "decision": "approve"} for one in ids[start : start + 500]]
        answer = await http.post("/api/v1/moderation/decisions", json={"decisions": decisions}, headers=bearer())
        assert {one["outcome"] for one in (await answer.json())["results"]} == {"done"}

    async def is_listed(one: Kept) -> bool:
        shown = await (await http.get(f"{COMMENTS}/{one.id}")).json()
        are_kept = all(
            (shown[name] or "") == as_stored(name, string) for name, string in one.texts.items() if name in shown
        )
        query = {"page_url": one.page_url, "limit": "200", "order": "newest"}
        page = await (await http.get(COMMENTS, params=query)).json()
        return are_kept and (page["count"] > 200 or one.id in {each["id"] for each in page["comments"]})

    listed = await all_of([partial(is_listed, one) for one in accepted.values()])
    assert [one for one, is_there in zip(accepted.values(), listed, strict=True) if not is_there] == []


@one_engine
async def test_no_string_in_a_form_breaks_anything_and_what_is_accepted_is_stored(http: ClientSession) -> None:
    sent = await post_all(http, urlencoded, 303)
    found = await stored(http)
    for field in ("author_name", "body", "author_url", "page_title"):
        written = Counter(as_stored(field, one.string) for one in sent if (one.field, one.status) == (field, 303))
        usual = Counter({str(a_submission().get(field, "")): 10**6, "": 10**6})
        assert not written - Counter(one[field] or "" for one in found) - usual
    assert len(found) == sum(one.status == 303 for one in sent)


async def test_no_string_breaks_a_search(http: ClientSession, smtp: MailServer, database_url: str) -> None:
    is_desk_asked = database_url.startswith("sqlite:")
    answer = await http.post(COMMENTS, json=a_submission())
    assert answer.status == 202
    anna = await logged_in(http, smtp)

    async def search(string: str) -> list[int]:
        query = {"q": string, "author": string}
        answers = [await http.get(QUEUE, params=query, headers=bearer())]
        if is_desk_asked:
            answers.append(await anna.get("/desk", params={"q": string}))
        return [one.status for one in answers if await one.read()]

    found = await all_of([lambda one=one: search(one) for one in naughty_strings()])  # type: ignore[misc]
    assert {status for statuses in found for status in statuses} <= {200, 422}
