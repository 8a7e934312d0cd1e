"""What readers see of many pages: counts, the pages of a site, its newest comments."""

from collections.abc import Awaitable, Callable
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.storage.engine.database import Database
from tests.conftest import Clock, Start
from tests.support.cases import in_turn, one_engine
from tests.support.contract import client_of
from tests.support.desk import replace_sites
from tests.support.factories import OTHER_PAGE, PAGE, SITES, bearer
from tests.support.posting import decide, post, published
from tests.support.rows import all_rows
from tests.support.running import Running, until

COUNTS, PAGES, LATEST = "/api/v1/counts", "/api/v1/pages", "/api/v1/latest"
SITE = {"site": "coop"}
QUESTIONS = {COUNTS: {"page_url": PAGE}, PAGES: SITE, LATEST: SITE}
ORIGIN = "https://www.example.org"


@pytest.fixture
async def service(start: Start, clock: Clock) -> Running:
    return await start(clock=clock, screening="off")


async def counted(http: ClientSession, *urls: str) -> dict[str, int]:
    answer = await http.get(COUNTS, params=[("page_url", url) for url in urls])
    assert answer.status == 200, await answer.text()
    found: dict[str, int] = (await answer.json())["counts"]
    return found


async def counts(http: ClientSession, *urls: str) -> dict[str, int]:
    """The counts as GET and POST agree on them, of comments that nobody changes in between."""
    found = await counted(http, *urls)
    posted = await http.post(COUNTS, json={"page_urls": list(urls)})
    assert await posted.json() == {"counts": found}
    return found


async def listed(http: ClientSession, path: str, **query: str) -> dict[str, Any]:
    answer = await http.get(path, params=SITE | query)
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def test_only_approved_comments_count_and_every_decision_is_seen_at_once(http: ClientSession) -> None:
    one = [(await post(http, body=f"{number}"))["id"] for number in range(5)]
    other = f"{PAGE}/altra"
    assert await counts(http, PAGE, other) == {PAGE: 0, other: 0}
    await decide(http, "approve", *one[:3])
    await decide(http, "reject", one[3])
    await decide(http, "spam", one[4])
    assert await counts(http, PAGE, other) == {PAGE: 3, other: 0}
    await published(http, page_url=other)
    assert await counts(http, PAGE, other) == {PAGE: 3, other: 1}
    await decide(http, "undo", one[0])
    assert await counts(http, PAGE, other) == {PAGE: 2, other: 1}
    await decide(http, "approve", one[3])
    assert await counts(http, PAGE, other) == {PAGE: 3, other: 1}
    assert await counts(http, other) == {other: 1}


async def test_each_address_is_counted_as_it_was_asked_for(http: ClientSession) -> None:
    await published(http)
    asked = [
        PAGE,
        f"{PAGE}?utm_source=x",
        f"{PAGE}#commenti",
        "HTTPS://WWW.example.org:443/chi-siamo",
        f"{PAGE}/2",
    ]
    assert await counts(http, *asked, PAGE) == dict(zip(asked, [1, 1, 1, 1, 0], strict=True))
    assert await counts(http, PAGE, OTHER_PAGE) == {PAGE: 1, OTHER_PAGE: 0}


@one_engine
@in_turn(
    "urls, status, faults",
    [
        ([PAGE, "chi-siamo", "https://user:pw@www.example.org/"], 422, {1: "invalid_url", 2: "invalid_url"}),
        ([PAGE, "https://☃.example/", "https://nobody.example/"], 422, {1: "invalid_url"}),
        ([PAGE, ""], 422, {1: "required"}),
        ([PAGE, PAGE + "x" * 2_000], 422, {1: "too_long"}),
        (
            [PAGE, "https://nobody.example/", "http://www.example.org/"],
            403,
            {1: "unknown_site", 2: "unknown_site"},
        ),
    ],
)
async def test_what_cannot_be_counted_is_named(
    http: ClientSession, urls: list[str], status: int, faults: dict[int, str]
) -> None:
    for field, answer in (
        ("page_url", await http.get(COUNTS, params=[("page_url", url) for url in urls])),
        ("page_urls", await http.post(COUNTS, json={"page_urls": urls})),
    ):
        problem = await answer.json()
        assert answer.status == status
        assert {name: one[0]["code"] for name, one in problem["errors"].items()} == {
            f"{field}.{place}": code for place, code in faults.items()
        }
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_question_for_counts_has_its_bounds(http: ClientSession) -> None:
    many = [f"{ORIGIN}/{number}" for number in range(1_001)]
    for urls, status in ((many[:200], 200), (many[:201], 422)):
        answer = await http.get(COUNTS, params=[("page_url", url) for url in urls])
        assert answer.status == status
    answer = await http.post(COUNTS, json={"page_urls": many[:1_000]})
    assert answer.status == 200
    assert list((await answer.json())["counts"]) == many[:1_000]
    for body, name, code in (
        ({"page_urls": many}, "page_urls", "too_many"),
        ({}, "page_urls", "required"),
        ({"page_urls": None}, "page_urls", "required"),
        ({"page_urls": PAGE}, "page_urls", "wrong_type"),
        ({"page_urls": [1]}, "page_urls.0", "wrong_type"),
        ({"page_urls": [None]}, "page_urls.0", "required"),
        ({"page_urls": [], "site": "coop"}, "site", "unknown_field"),
        ([], "body", "wrong_type"),
    ):
        answer = await http.post(COUNTS, json=body)
        assert answer.status == 422
        assert (await answer.json())["errors"][name][0]["code"] == code
    assert (await (await http.get(COUNTS)).json())["errors"]["page_url"][0]["code"] == "required"
    assert await (await http.post(COUNTS, json={"page_urls": []})).json() == {"counts": {}}


@one_engine
async def test_an_address_of_two_hundred_long_urls_is_read_and_none_without_end(http: ClientSession) -> None:
    urls = [f"{ORIGIN}/{'x' * 90}/{number}" for number in range(200)]
    assert len(urlencode([("page_url", url) for url in urls])) > 3 * 8_190
    answer = await http.get(COUNTS, params=[("page_url", url) for url in urls])
    assert answer.status == 200
    assert len((await answer.json())["counts"]) == 200
    answer = await http.get(COUNTS, params={"page_url": f"{ORIGIN}/{'x' * 32_768}"})
    assert (answer.status, (await answer.json())["type"]) == (400, "urn:moderation-service:problem:malformed")


async def test_scripts_of_every_origin_may_ask_by_a_body_that_nobody_keeps(
    http: ClientSession, database: Database
) -> None:
    await published(http)
    before = await all_rows(database)
    for _ in range(2):
        answer = await http.post(COUNTS, json={"page_urls": [PAGE]}, headers={"Origin": "https://x.example"})
        assert await answer.json() == {"counts": {PAGE: 1}}
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers
    assert await all_rows(database) == before


async def test_pages_with_approved_comments_are_walked_each_once(http: ClientSession, clock: Clock) -> None:
    urls = [f"{ORIGIN}/{number}" for number in range(7)]
    for url in urls:
        await published(http, page_url=url, page_title=f"Titolo di {url}")
        clock.advance(minutes=1)
    await published(http, page_url=urls[3], page_title="ein anderer")
    await post(http, page_url=f"{ORIGIN}/waits")
    await decide(http, "reject", (await post(http, page_url=f"{ORIGIN}/rejected"))["id"])
    await decide(http, "spam", (await post(http, page_url=f"{ORIGIN}/spam"))["id"])
    whole = await listed(http, PAGES)
    assert whole["next_cursor"] is None
    found = {one["page_url"]: one for one in whole["pages"]}
    assert found.keys() == set(urls)
    assert found[urls[3]] == {
        "page_url": urls[3],
        "page_title": f"Titolo di {urls[3]}",
        "count": 2,
        "last_at": "2026-11-22T10:07:00Z",
    }
    assert found[urls[0]]["last_at"] == "2026-11-22T10:00:00Z"
    walked: list[dict[str, Any]] = []
    query = {"limit": "3"}
    sizes = []
    while True:
        part = await listed(http, PAGES, **query)
        walked += part["pages"]
        sizes.append(len(part["pages"]))
        if part["next_cursor"] is None:
            break
        query["cursor"] = part["next_cursor"]
    assert walked == whole["pages"]
    assert sizes == [3, 3, 1]


async def test_a_cursor_outlives_its_page_and_the_last_slice_ends_exactly(http: ClientSession) -> None:
    ids = {url: await published(http, page_url=url) for url in (f"{ORIGIN}/{number}" for number in range(4))}
    order = [one["page_url"] for one in (await listed(http, PAGES))["pages"]]
    half = await listed(http, PAGES, limit="2")
    await decide(http, "reject", ids[order[1]])
    rest = await listed(http, PAGES, limit="2", cursor=half["next_cursor"])
    assert [one["page_url"] for one in rest["pages"]] == order[2:]
    assert rest["next_cursor"] is None
    assert [one["page_url"] for one in (await listed(http, PAGES))["pages"]] == [order[0], *order[2:]]


async def test_a_page_comes_and_goes_with_its_comments_and_shows_the_title_that_is_set(
    http: ClientSession,
) -> None:
    assert await listed(http, PAGES) == {"pages": [], "next_cursor": None}
    assert await listed(http, LATEST) == {"comments": []}
    one = await published(http, page_title=None)
    assert [one["page_title"] for one in (await listed(http, PAGES))["pages"]] == [None]
    assert [one["page_title"] for one in (await listed(http, LATEST))["comments"]] == [None]
    title = {"pages": [{"page_url": PAGE, "page_title": "Chi siamo noi"}]}
    assert (await http.post("/api/v1/moderation/pages", json=title, headers=bearer())).status == 200
    assert [one["page_title"] for one in (await listed(http, PAGES))["pages"]] == ["Chi siamo noi"]
    assert [one["page_title"] for one in (await listed(http, LATEST))["comments"]] == ["Chi siamo noi"]
    await decide(http, "undo", one)
    assert await listed(http, PAGES) == {"pages": [], "next_cursor": None}
    assert await listed(http, LATEST) == {"comments": []}


async def test_the_newest_comments_of_the_site_come_first_each_with_its_page(http: ClientSession) -> None:
    urls = [PAGE, f"{PAGE}/2", PAGE]
    ids = [
        await published(http, page_url=url, body=f"{number}", page_title=f"Titolo {number}")
        for number, url in enumerate(urls)
    ]
    await post(http, body="waits")
    await decide(http, "reject", (await post(http, body="rejected"))["id"])
    found = (await listed(http, LATEST))["comments"]
    assert [(one["id"], one["page_url"], one["page_title"]) for one in found] == [
        (ids[2], PAGE, "Titolo 0"),
        (ids[1], f"{PAGE}/2", "Titolo 1"),
        (ids[0], PAGE, "Titolo 0"),
    ]
    alone = await (await http.get(f"/api/v1/comments/{ids[1]}")).json()
    assert found[1] == alone | {"page_url": f"{PAGE}/2", "page_title": "Titolo 1"}
    assert [one["id"] for one in (await listed(http, LATEST, limit="2"))["comments"]] == [ids[2], ids[1]]


async def test_the_newest_comments_end_before_they_are_too_long(http: ClientSession) -> None:
    for number in range(12):
        await published(http, body=f"{number}" + "&" * 40_000)
    answer = await http.get(LATEST, params=SITE)
    body = await answer.read()
    assert len(body) <= 1024 * 1024
    found = [one["body"][:1] for one in (await answer.json())["comments"]]
    assert 1 < len(found) < 12
    assert found[0] == "1"


@one_engine
@in_turn("path", [PAGES, LATEST])
@in_turn(
    "query, status",
    [
        ({}, 422),
        ({"site": ""}, 422),
        ({"site": "nobody"}, 403),
        ({"site": "coop", "limit": "0"}, 422),
        ({"site": "coop", "limit": "201"}, 422),
        ({"site": "coop", "limit": "200"}, 200),
        ({"site": "coop", "unknown": "passed over"}, 200),
    ],
)
async def test_a_wrong_question_for_a_site_is_refused(
    http: ClientSession, path: str, query: dict[str, str], status: int
) -> None:
    assert (await http.get(path, params=query)).status == status


@one_engine
async def test_what_is_no_cursor_is_refused(http: ClientSession) -> None:
    answer = await http.get(PAGES, params=SITE | {"cursor": "2"})
    assert answer.status == 422
    assert (await answer.json())["errors"]["cursor"][0]["code"] == "invalid_cursor"


async def test_a_site_shows_nothing_of_another(http: ClientSession) -> None:
    await published(http)
    assert await (await http.get(PAGES, params={"site": "altro"})).json() == {"pages": [], "next_cursor": None}
    assert await (await http.get(LATEST, params={"site": "altro"})).json() == {"comments": []}


Ask = Callable[..., Awaitable[ClientResponse]]


@pytest.fixture(params=QUESTIONS)
async def ask(http: ClientSession, request: pytest.FixtureRequest) -> Ask:
    """Asks one of the questions."""

    async def asked(method: str = "GET", **headers: str) -> ClientResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await http.request(method, request.param, params=QUESTIONS[request.param], headers=named)
        await answer.read()
        return answer

    return asked


async def test_either_validator_tells_that_nothing_changed(http: ClientSession, ask: Ask, clock: Clock) -> None:
    one = await published(http)
    first = await ask()
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    assert first.headers["Cache-Control"].startswith("public, max-age=0, must-revalidate")
    assert first.headers["Vary"] == "Accept-Encoding"
    changed = parsedate_to_datetime(first.headers["Last-Modified"])
    assert changed == clock.now
    for method in ("GET", "HEAD"):
        for known in (
            {"If_None_Match": first.headers["ETag"]},
            {"If_Modified_Since": format_datetime(changed, usegmt=True)},
        ):
            held = await ask(method, **known)
            assert (held.status, await held.read()) == (304, b"")
            assert held.headers["ETag"] == first.headers["ETag"]
    head = await ask("HEAD")
    assert (head.status, await head.read()) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(await first.read())
    clock.advance(hours=1)
    await decide(http, "undo", one)
    after = await ask(If_Modified_Since=format_datetime(changed, usegmt=True))
    assert after.status == 200
    assert after.headers["ETag"] != first.headers["ETag"]
    assert parsedate_to_datetime(after.headers["Last-Modified"]) == clock.now
    assert (await ask(If_None_Match=first.headers["ETag"])).status == 200


@one_engine
async def test_what_is_long_is_compressed(http: ClientSession) -> None:
    urls = [f"{ORIGIN}/{number}" for number in range(200)]
    answer = await http.get(
        COUNTS, params=[("page_url", url) for url in urls], headers={"Accept-Encoding": "gzip"}
    )
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) < len(await answer.read()) / 3
    answer = await http.post(COUNTS, json={"page_urls": urls}, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len((await answer.json())["counts"]) == 200


async def test_what_did_not_change_comes_from_memory_until_a_page_of_it_does(
    http: ClientSession, service: Running, ask: Ask
) -> None:
    await published(http)
    made = service.container.metrics.page_cache_lookups.labels("miss")
    first = await ask()
    await until(lambda: service.container.tail.is_current)
    await ask()
    before = made._value.get()
    for _ in range(3):
        again = await ask()
        assert await again.read() == await first.read()
    assert made._value.get() == before
    await published(http, body="due")
    assert await (await ask()).read() != await first.read()


async def test_a_body_with_the_same_pages_is_answered_from_memory(http: ClientSession, service: Running) -> None:
    await published(http)
    made = service.container.metrics.page_cache_lookups.labels("miss")
    body = {"page_urls": [PAGE, f"{PAGE}/2"]}
    await http.post(COUNTS, json=body)
    before = made._value.get()
    assert await (await http.post(COUNTS, json=body)).json() == {"counts": {PAGE: 1, f"{PAGE}/2": 0}}
    assert made._value.get() == before
    await published(http, page_url=f"{PAGE}/2")
    assert await (await http.post(COUNTS, json=body)).json() == {"counts": {PAGE: 1, f"{PAGE}/2": 1}}


async def test_a_decision_at_one_replica_is_seen_at_another(start: Start) -> None:
    one, two = await start(screening="off"), await start(screening="off")
    async with client_of(one.url) as here, client_of(two.url) as there:
        urls = [f"{ORIGIN}/{number}" for number in range(3)]
        for path, query in QUESTIONS.items():
            await there.get(path, params=query)
        assert await counts(there, *urls) == dict.fromkeys(urls, 0)
        await published(here, page_url=urls[1])

        async def is_seen() -> bool:
            return (
                await counted(there, *urls) == {urls[0]: 0, urls[1]: 1, urls[2]: 0}
                and len((await listed(there, PAGES))["pages"]) == 1
                and len((await listed(there, LATEST))["comments"]) == 1
            )

        await until(is_seen)


@one_engine
async def test_a_site_that_is_no_longer_listed_is_not_shown_from_memory(
    http: ClientSession, service: Running, ask: Ask, tmp_path: Path
) -> None:
    await published(http)
    for _ in range(2):
        assert (await ask()).status == 200
    await replace_sites(service, tmp_path, SITES[SITES.rindex("[[site]]") :])
    assert (await ask()).status == 403
