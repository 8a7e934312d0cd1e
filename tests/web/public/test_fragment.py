"""A page's comments as HTML that a website puts into its own page: read back by parsers of HTML and JSON-LD."""

import json
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from aiohttp import ClientSession

from tests.conftest import Clock, Start
from tests.support.factories import PAGE
from tests.support.hostile import MARKUP, SCRIPTS
from tests.support.posting import decide, post, published
from tests.support.running import Running

FRAGMENT = "/embed/comments.html"
QUERY = {"page_url": PAGE}


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough: it shows what a list does."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
async def service(start: Start, clock: Clock) -> Running:
    return await start(clock=clock, screening="off")


async def read(http: ClientSession, **query: str) -> tuple[Element, dict[str, Any]]:
    """The fragment's section, and what its JSON-LD says."""
    answer = await http.get(FRAGMENT, params=QUERY | query)
    assert answer.status == 200, await answer.text()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    section, data = html5lib.parseFragment(await answer.text(), namespaceHTMLElements=False)
    assert (section.tag, data.tag, data.get("type")) == ("section", "script", "application/ld+json")
    described: dict[str, Any] = json.loads(data.text)
    return section, described


def marked(element: Element, name: str) -> list[Element]:
    """Elements with a class."""
    return [one for one in element.iter() if name in (one.get("class") or "").split()]


def text_of(element: Element) -> str:
    return "".join(element.itertext())


async def test_a_comment_is_an_entry_and_is_described_for_machines(http: ClientSession) -> None:
    one = await published(http, body="*ciao*", author_url="https://giuliana.example/?a=1&b=2")
    section, described = await read(http)
    assert section.get("lang") == "it"
    [heading] = section.iter("h2")
    assert heading.text == "Un commento"
    [entry] = marked(section, "h-entry")
    assert entry.get("id") == f"comment-{one}"
    [author] = marked(entry, "h-card")
    [link] = marked(author, "p-name")
    assert (text_of(link), link.get("href")) == ("Giuliana", "https://giuliana.example/?a=1&b=2")
    assert link.get("rel") == "nofollow ugc noopener"
    [published_at] = marked(entry, "dt-published")
    assert published_at.get("datetime") == "2026-11-22T10:00:00+00:00"
    [content] = marked(entry, "e-content")
    assert [text_of(emphasis) for emphasis in content.iter("em")] == ["ciao"]
    assert f"{PAGE}#comment-{one}" in [link.get("href") for link in marked(entry, "u-url")]
    assert described == {
        "@context": "https://schema.org",
        "@type": "WebPage",
        "@id": PAGE,
        "url": PAGE,
        "commentCount": 1,
        "comment": [
            {
                "@type": "Comment",
                "@id": f"{PAGE}#comment-{one}",
                "author": {"@type": "Person", "name": "Giuliana", "url": "https://giuliana.example/?a=1&b=2"},
                "datePublished": "2026-11-22T10:00:00Z",
                "text": "*ciao*",
            }
        ],
    }


def nested(described: dict[str, Any]) -> dict[str, Any]:
    """Which comment stands inside which, by their texts."""
    return {one["text"]: nested(one) for one in described.get("comment", [])}


async def test_answers_are_nested_as_far_as_pages_indent(http: ClientSession) -> None:
    parent = None
    ids = []
    for number in range(8):
        parent = await published(http, body=f"{number}", parent_id=parent)
        ids.append(parent)
    await published(http, body="altro")
    await published(http, body="a lato", parent_id=ids[1])
    section, described = await read(http)
    deep: dict[str, Any] = {
        "0": {"1": {"2": {"3": {"4": {"5": {}, "6": {}, "7": {}}}}, "a lato": {}}},
        "altro": {},
    }
    assert nested(described) == deep
    [answer] = [one for one in marked(section, "h-entry") if one.get("id") == f"comment-{ids[7]}"]
    assert "depth-5" in (answer.get("class") or "")
    assert [one.get("href") for one in marked(answer, "u-in-reply-to")] == [f"{PAGE}#comment-{ids[6]}"]
    await decide(http, "reject", ids[0])
    _, described = await read(http)
    assert nested(described) == {**deep["0"], "altro": {}}


async def test_what_anybody_writes_ends_neither_the_script_nor_an_element(http: ClientSession) -> None:
    texts = [*SCRIPTS, *MARKUP, "</script><script>alert(1)</script>", "<!--<script>", "]]> & \u2028 \\u003c"]
    for text in texts:
        name = text.replace("\n", " ").replace("\u2028", " ")[:245]
        await published(http, author_name=name, body=text)
    whole = await (await http.get(FRAGMENT, params=QUERY)).text()
    section, described = await read(http)
    assert [one["text"] for one in described["comment"]] == [text.strip() for text in texts]
    assert [text_of(one) for one in marked(section, "p-name")[1:]] == [
        one["author"]["name"] for one in described["comment"]
    ]
    script = whole[whole.index("<script") :]
    assert script.count("<") == 2
    assert "<!--" not in whole
    for one in section.iter():
        assert one.tag not in ("script", "img", "svg", "iframe", "style", "base", "form", "button")
        assert not [name for name in one.attrib if name.startswith("on") or name == "style"]
        assert (one.get("href") or "https://").startswith(("http://", "https://"))


async def test_only_approved_comments_are_in_it_and_every_decision_shows_at_once(
    http: ClientSession, clock: Clock
) -> None:
    section, described = await read(http)
    assert (text_of(section).strip(), described["comment"]) == ("Ancora nessun commento", [])
    one = (await post(http))["id"]
    assert (await read(http))[1]["commentCount"] == 0
    await decide(http, "approve", one)
    first = await http.get(FRAGMENT, params=QUERY)
    assert f'id="comment-{one}"' in await first.text()
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    assert first.headers["Cache-Control"].startswith("public, max-age=0, must-revalidate")
    assert "noindex" in first.headers["X-Robots-Tag"]
    changed = parsedate_to_datetime(first.headers["Last-Modified"])
    for known in (
        {"If-None-Match": first.headers["ETag"]},
        {"If-Modified-Since": format_datetime(changed, usegmt=True)},
    ):
        for method in ("GET", "HEAD"):
            assert (await http.request(method, FRAGMENT, params=QUERY, headers=known)).status == 304
    clock.advance(minutes=1)
    await decide(http, "undo", one)
    after = await http.get(FRAGMENT, params=QUERY, headers={"If-None-Match": first.headers["ETag"]})
    assert after.status == 200
    assert "comment-" not in await after.text()


async def test_it_speaks_the_sites_language_or_the_one_that_is_asked_for(http: ClientSession) -> None:
    for body in ("uno", "due"):
        await published(http, body=body)
    for query, heading in (({}, "2 commenti"), ({"lang": "de"}, "2 Kommentare"), ({"lang": "xx"}, "2 commenti")):
        answer = await http.get(FRAGMENT, params=QUERY | query, headers={"Accept-Language": "fr"})
        assert heading in await answer.text()
        assert answer.headers["Vary"] == "Accept-Encoding"


async def test_what_does_not_fit_is_linked_to(http: ClientSession) -> None:
    ids = [await published(http, body=f"{number}") for number in range(3)]
    section, described = await read(http, limit="2")
    assert (described["commentCount"], len(described["comment"])) == (3, 2)
    [link] = [one for one in section.iter("a") if one.get("rel") == "next"]
    assert (link.get("href") or "").startswith("https://comments.example.net/comments?")
    path = (link.get("href") or "").removeprefix("https://comments.example.net")
    assert f'id="comment-{ids[2]}"' in await (await http.get(path)).text()
    section, described = await read(http, limit="2", order="newest")
    assert [one["text"] for one in described["comment"]] == ["2", "1"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 422),
        ({"page_url": "x"}, 422),
        ({"page_url": "https://nobody.example/"}, 403),
        (QUERY | {"limit": "201"}, 422),
    ],
)
async def test_what_makes_no_sense_is_a_problem_and_no_page(
    http: ClientSession, query: dict[str, str], status: int
) -> None:
    answer = await http.get(FRAGMENT, params=query)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
