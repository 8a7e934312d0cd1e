"""The newest comments of a page or a site for feed readers, as both formats say the same."""

from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest
from aiohttp import ClientResponse, ClientSession

from tests.conftest import Clock, Start
from tests.support.atom import read_atom
from tests.support.cases import one_engine
from tests.support.desk import replace_sites
from tests.support.factories import PAGE, SITES, bearer
from tests.support.posting import decide, post, published
from tests.support.running import Running, until
from tests.support.seeding import stored

ATOM, JSON = "/feeds/atom", "/feeds/json"
SITE = {"site": "coop"}
OF_PAGE = {"page_url": PAGE}
PUBLIC = "https://comments.example.net"
TITLES = "/api/v1/moderation/pages"


@pytest.fixture
async def service(start: Start, clock: Clock) -> Running:
    return await start(clock=clock, screening="off")


async def atom(http: ClientSession, **query: str) -> Any:
    """The feed as feedparser reads it, after it kept all rules that are checked of every one."""
    answer = await http.get(ATOM, params=query)
    body = await answer.read()
    assert answer.status == 200, body
    read_atom(body)
    found = feedparser.parse(body, response_headers={"content-type": answer.headers["Content-Type"]})
    assert not found.bozo, found.get("bozo_exception")
    assert found.version == "atom10"
    return found


async def items(http: ClientSession, **query: str) -> list[dict[str, Any]]:
    answer = await http.get(JSON, params=query)
    assert answer.status == 200, await answer.text()
    found: list[dict[str, Any]] = (await answer.json())["items"]
    return found


def link(found: Any, rel: str) -> str | None:
    return next((one.href for one in found.links if one.rel == rel), None)


async def test_both_formats_show_the_newest_comments_under_their_own_titles(
    http: ClientSession, clock: Clock
) -> None:
    first = await published(http, author_url="https://giuliana.example", body="ciao *mondo* & <b>")
    clock.advance(minutes=1)
    answer = (await post(http, author_name="Ugo & <Co>", parent_id=first, body="sì"))["id"]
    await post(http, body="waits")
    await decide(http, "reject", (await post(http, body="rejected"))["id"])
    clock.advance(hours=1)
    await decide(http, "approve", answer)
    other = await published(http, page_url=f"{PAGE}/2", page_title=None)
    found = await atom(http, **OF_PAGE)
    assert (found.feed.title, found.feed.language) == ("Commenti a Chi siamo", "it")
    assert (link(found.feed, "alternate"), link(found.feed, "next")) == (PAGE, None)
    assert link(found.feed, "self") == f"{PUBLIC}{ATOM}?page_url=https%3A%2F%2Fwww.example.org%2Fchi-siamo"
    assert found.feed.updated == "2026-11-22T11:01:00Z"
    newest, oldest = found.entries
    assert [one.id for one in found.entries] == [f"urn:uuid:{answer}", f"urn:uuid:{first}"]
    assert (oldest.title, newest.author) == ("Giuliana su «Chi siamo»", "Ugo & <Co>")
    assert oldest.author_detail == {"name": "Giuliana", "href": "https://giuliana.example"}
    assert oldest.content[0].value == "<p>ciao <em>mondo</em> &amp; &lt;b&gt;</p>"
    assert (newest.published, newest.updated) == ("2026-11-22T10:01:00Z", "2026-11-22T11:01:00Z")
    assert (newest.link, oldest.link) == (f"{PAGE}#comment-{answer}", f"{PAGE}#comment-{first}")
    assert newest["thr_in-reply-to"] == {"ref": oldest.id, "href": oldest.link, "type": "text/html"}
    of_site = await atom(http, **SITE)
    assert of_site.feed.title == "Commenti a Associazione dell'Esempio"
    assert link(of_site.feed, "alternate") == "https://www.example.org/"
    assert [one.id for one in of_site.entries] == [f"urn:uuid:{one}" for one in (other, answer, first)]
    assert of_site.entries[0].title == f"Giuliana su «{PAGE}/2»"
    for query, same in ((OF_PAGE, found), (SITE, of_site)):
        sent = await http.get(JSON, params=query)
        assert sent.headers["Content-Type"] == "application/feed+json"
        document = await sent.json(content_type="application/feed+json")
        assert document["version"] == "https://jsonfeed.org/version/1.1"
        assert (document["title"], document["language"]) == (same.feed.title, "it")
        assert document["home_page_url"] == link(same.feed, "alternate")
        assert document["feed_url"] == (link(same.feed, "self") or "").replace("/atom", "/json")
        said = [(one.id, one.link, one.title, one.published, one.updated) for one in same.entries]
        assert said == [
            (one["id"], one["url"], one["title"], one["date_published"], one["date_modified"])
            for one in document["items"]
        ]
    last = document["items"][-1]
    assert last["authors"] == [{"name": "Giuliana", "url": "https://giuliana.example"}]
    assert last["content_html"] == "<p>ciao <em>mondo</em> &amp; &lt;b&gt;</p>\n"
    assert document["items"][1]["_thread"] == {"in_reply_to": last["id"], "url": last["url"]}


@pytest.mark.parametrize("query", [OF_PAGE, SITE], ids=["page", "site"])
async def test_a_feed_is_walked_by_its_links_each_comment_once(
    http: ClientSession, service: Running, query: dict[str, str]
) -> None:
    made = await stored(service, (f"{number}" for number in range(52)), is_approved=True)
    first = await atom(http, **query)
    assert len(first.entries) == 50
    await decide(http, "reject", made[2])
    await published(http, body="came meanwhile")
    following = link(first.feed, "next")
    assert following is not None
    answer = await http.get(following.removeprefix(PUBLIC))
    second = feedparser.parse(await answer.read())
    assert [one.id for one in (*first.entries, *second.entries)] == [
        f"urn:uuid:{one}" for one in reversed(made[:1] + made[1:])
    ]
    assert (link(second.feed, "self"), link(second.feed, "next")) == (following, None)
    assert link(second.feed, "first") == link(first.feed, "self")
    document = await (await http.get(JSON, params=query)).json(content_type=None)
    rest = await (await http.get(document["next_url"].removeprefix(PUBLIC))).json(content_type=None)
    assert "next_url" not in rest
    assert [one["id"] for one in rest["items"]] == [f"urn:uuid:{one}" for one in (made[1], made[0])]


async def test_a_feed_ends_before_it_is_too_long_and_goes_on_behind(http: ClientSession, service: Running) -> None:
    made = await stored(service, (f"{number}" + "<" * 40_000 for number in range(8)), is_approved=True)
    for path in (ATOM, JSON):
        seen: list[str] = []
        address: str | None = f"{path}?site=coop"
        slices = 0
        while address is not None:
            answer = await http.get(address.removeprefix(PUBLIC))
            body = await answer.read()
            assert len(body) <= 1024 * 1024
            slices += 1
            if path == ATOM:
                found = read_atom(body)
                seen += found.ids
                address = found.links.get("next")
            else:
                document = await answer.json(content_type=None)
                seen += [one["id"] for one in document["items"]]
                address = document.get("next_url")
        assert seen == [f"urn:uuid:{one}" for one in reversed(made)]
        assert slices > 1


async def test_either_validator_tells_that_nothing_changed_and_a_withdrawal_moves_a_feed_on(
    http: ClientSession, service: Running, clock: Clock
) -> None:
    one = await published(http)

    async def asked(path: str, query: dict[str, str], **headers: str) -> ClientResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await http.get(path, params=query, headers=named)
        await answer.read()
        return answer

    before = {}
    made = service.container.metrics.page_cache_lookups.labels("miss")
    for path in (ATOM, JSON):
        for query in (OF_PAGE, SITE):
            first = await asked(path, query)
            changed = first.headers["Last-Modified"]
            assert parsedate_to_datetime(changed) == clock.now
            assert first.headers["Cache-Control"].startswith("public, max-age=0, must-revalidate")
            assert first.headers["Access-Control-Allow-Origin"] == "*"
            assert first.headers["Vary"] == "Accept-Encoding"
            await until(lambda: service.container.tail.is_current)
            misses = made._value.get()
            for known in ({"If_None_Match": first.headers["ETag"]}, {"If_Modified_Since": changed}):
                assert (await asked(path, query, **known)).status == 304
            assert made._value.get() == misses
            before[path, query == SITE] = first
    was = await atom(http, **OF_PAGE)
    clock.advance(hours=1)
    await decide(http, "undo", one)
    for (path, is_site), first in before.items():
        query = SITE if is_site else OF_PAGE
        since = format_datetime(parsedate_to_datetime(first.headers["Last-Modified"]), usegmt=True)
        after = await asked(path, query, If_Modified_Since=since)
        assert after.status == 200
        assert parsedate_to_datetime(after.headers["Last-Modified"]) == clock.now
        assert after.headers["ETag"] != first.headers["ETag"]
    now = await atom(http, **OF_PAGE)
    assert (was.feed.updated, now.feed.updated) == ("2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z")
    assert (now.entries, now.feed.id) == ([], was.feed.id)


async def test_an_entry_keeps_its_id_when_its_page_moves_and_says_the_new_address_and_title(
    http: ClientSession,
) -> None:
    one = await published(http)
    moved = {"pages": [{"page_url": PAGE, "move_to": f"{PAGE}/nuovo", "page_title": "Noi"}]}
    assert (await http.post(TITLES, json=moved, headers=bearer())).status == 200
    for query in (OF_PAGE, {"page_url": f"{PAGE}/nuovo"}, SITE):
        [shown] = await items(http, **query)
        assert shown["id"] == f"urn:uuid:{one}"
        assert shown["url"] == f"{PAGE}/nuovo#comment-{one}"
        assert shown["title"] == "Giuliana su «Noi»"


@one_engine
async def test_a_feed_without_entries_is_one(http: ClientSession) -> None:
    for query in (OF_PAGE, SITE, {"site": "altro"}):
        found = await atom(http, **query)
        assert (found.entries, found.feed.updated) == ([], "1970-01-01T00:00:00Z")
        assert await items(http, **query) == []


@one_engine
async def test_what_is_asked_wrongly_is_named_in_english(
    http: ClientSession, service: Running, tmp_path: Path
) -> None:
    for query, status, fields in (
        ({}, 422, {"page_url": "required"}),
        ({"page_url": ""}, 422, {"page_url": "required"}),
        ({**SITE, **OF_PAGE}, 422, {"site": "contradicts"}),
        ({"page_url": "chi-siamo"}, 422, {"page_url": "invalid_url"}),
        ({**SITE, "cursor": "2"}, 422, {"cursor": "invalid_cursor"}),
        ({"page_url": "https://nobody.example/"}, 403, {}),
        ({"site": "nobody"}, 403, {}),
    ):
        for path in (ATOM, JSON):
            answer = await http.get(path, params=query)
            problem = await answer.json(content_type="application/problem+json")
            assert answer.status == status, query
            assert {name: one[0]["code"] for name, one in problem.get("errors", {}).items()} == fields
    assert (await http.get(ATOM, params=[*OF_PAGE.items(), *OF_PAGE.items()])).status == 422
    assert (await http.get(ATOM, params=SITE)).status == 200
    await replace_sites(service, tmp_path, SITES[SITES.rindex("[[site]]") :])
    assert (await http.get(ATOM, params=SITE)).status == 403
