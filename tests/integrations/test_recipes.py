"""The recipes of integrations/, each in a small blog that its generator builds beside a running service."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.support.generators import GENERATORS, ORIGIN, TITLE, build
from tests.support.posting import published
from tests.support.running import Running

SCRIPTS = re.compile(r"<script(?! type=.application/ld\+json)[^>]*>(.*?)</script>", re.DOTALL)
PAGES = [f"{ORIGIN}/blog/primo/", f"{ORIGIN}/blog/secondo/"]


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for what a website does with its answers."""
    return f"sqlite:///{tmp_path}/test.db"


class Tags(HTMLParser):
    """The start tags of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def with_attribute(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.found if name in attributes]


async def assert_page_is_right(page: str, service: Running, http: ClientSession, comment_id: str) -> None:
    """A page shows its comments without a script, lets the widget in and links to a list that answers."""
    tags = Tags(page)
    assert "interessante…" in tags.text
    assert "un altro" not in page
    assert [one["id"] for one in tags.with_attribute("id")][:1] == ["comments"]
    assert f"comment-{comment_id}" in [one["id"] for one in tags.with_attribute("id")]
    assert "alert(1)" not in "".join(SCRIPTS.findall(page))
    [widget] = [one for one in tags.with_attribute("src") if "comments.js" in str(one["src"])]
    assert widget["src"] == f"{service.url}/embed/comments.js?lang=it"
    assert widget["data-page-url"] == PAGES[0]
    assert widget["data-page-title"] == TITLE
    links = [str(one["href"]) for one in tags.with_attribute("href")]
    [link] = [one for one in links if one.startswith(f"{service.url}/comments?")]
    answer = await http.get(link.removeprefix(service.url))
    assert "interessante…" in unescape(await answer.text())


async def assert_index_is_right(index: str, service: Running, http: ClientSession) -> None:
    """An index names its pages for one script, which counts their comments."""
    tags = Tags(index)
    counted = tags.with_attribute("data-comments-count")
    assert sorted(str(one["data-comments-count"]) for one in counted) == PAGES
    assert {str(one["href"]) for one in counted} == {f"{one}#comments" for one in PAGES}
    scripts = [str(one["src"]) for one in tags.with_attribute("src")]
    assert scripts == [f"{service.url}/embed/counts.js?lang=it"]
    asked = await http.post("/api/v1/counts", json={"page_urls": [one["data-comments-count"] for one in counted]})
    assert (await asked.json())["counts"] == {PAGES[0]: 1, PAGES[1]: 2}


@pytest.mark.parametrize("generator", GENERATORS)
async def test_a_blog_shows_its_comments_without_a_script_and_lets_the_widget_in_and_its_index_counts_them(
    service: Running, http: ClientSession, tmp_path: Path, generator: str
) -> None:
    comment_id = await published(http, page_url=PAGES[0], body="interessante… <script>alert(1)</script>")
    for body in ("un altro", "un altro ancora"):
        await published(http, page_url=PAGES[1], body=body)
    built, _ = await build(generator, tmp_path / "blog", service.url)
    page = (built / "blog/primo/index.html").read_text(encoding="utf-8")
    await assert_page_is_right(page, service, http, comment_id)
    await assert_index_is_right((built / "index.html").read_text(encoding="utf-8"), service, http)


@pytest.mark.parametrize("generator", GENERATORS)
async def test_a_blog_is_built_while_the_service_is_away(tmp_path: Path, generator: str) -> None:
    built, said = await build(generator, tmp_path / "blog", "http://127.0.0.1:9")
    page = (built / "blog/primo/index.html").read_text(encoding="utf-8")
    assert "comments.js" in page
    assert "comment" in said.lower()
    assert "primo" in said
