"""The script of the counts in a real browser: on a website of another origin, under a strict policy."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Page, Request, Route, expect

from moderation_service.locales import LANGUAGES
from tests.support.desk_browser import at_its_own_address
from tests.support.running import Running
from tests.support.website import Website
from tests.support.widget import published

COUNTS = "/api/v1/counts"


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for what a browser shows."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
async def service(start: Callable[..., Awaitable[Running]], site: Website, tmp_path: Path) -> Running:
    sites = tmp_path / "website.toml"
    sites.write_text(site.sites(), encoding="utf-8")
    return await at_its_own_address(start, screening="off", sites=str(sites))


class Visit:
    """A page, what its console said, and what it asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        self.failed: list[str] = []
        self.asked: list[Request] = []
        page.on("console", lambda one: (self.failed if one.type == "error" else self.said).append(one.text))
        page.on("pageerror", lambda one: self.failed.append(str(one)))
        page.on("request", lambda one: self.asked.append(one) if COUNTS in one.url else None)

    async def shows(self, **texts: str) -> None:
        for name, text in texts.items():
            await expect(self.page.locator(f"#{name}")).to_have_text(text)


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    context = await browser.new_context(locale="it-IT")
    context.set_default_timeout(10_000)
    yield Visit(await context.new_page())
    await context.close()


async def test_every_element_says_how_many_comments_its_page_has_after_one_request(
    http: ClientSession, site: Website, service: Running, visit: Visit
) -> None:
    for body in ("uno", "due", "tre"):
        await published(http, site, "/tre", body=body)
    await published(http, site, "/uno")
    site.count(
        service.url,
        """<a id="tre" href="/tre#comments" data-comments-count>Commenti</a>
        <a id="words" href="tre?utm_source=x" data-comments-count data-comments-words>Commenti</a>
        <span id="one" data-comments-count="/uno" data-comments-words></span>
        <a id="other" href="/tre" data-comments-count="/uno">Commenti</a>
        <a id="none" href="/niente" data-comments-count data-comments-words>Commenti</a>
        <a id="mail" href="mailto:a@example.org" data-comments-count>Scrivi</a>
        <b id="here" data-comments-count></b>
        <a id="plain" href="/tre">Senza</a>""",
    )
    await visit.page.goto(f"{site.url}/uno")
    await visit.shows(tre="3", words="3 commenti", one="Un commento", other="1", none="Ancora nessun commento")
    await visit.shows(mail="Scrivi", here="1", plain="Senza")
    [asked] = visit.asked
    assert asked.method == "GET"
    assert (visit.said, visit.failed) == ([], [])
    assert await visit.page.evaluate("document.cookie + Object.keys(localStorage)") == ""


async def test_five_hundred_links_are_one_question(
    http: ClientSession, site: Website, service: Running, visit: Visit
) -> None:
    await published(http, site, "/7")
    links = "".join(f'<a id="n{n}" href="/{n}" data-comments-count>?</a> ' for n in range(500))
    site.count(service.url, links)
    await visit.page.goto(site.url)
    await visit.shows(n7="1", n499="0", n0="0")
    assert [one.method for one in visit.asked] == ["POST"]
    assert visit.failed == []


@pytest.mark.parametrize(
    ("language", "data", "words"),
    [
        ("it", {}, ["Ancora nessun commento", "Un commento", "2 commenti"]),
        ("en-GB", {}, ["No comments yet", "One comment", "2 comments"]),
        ("de-AT", {}, ["Noch keine Kommentare", "Ein Kommentar", "2 Kommentare"]),
        ("fr", {}, ["Aucun commentaire pour le moment", "Un commentaire", "2 commentaires"]),
        ("es", {}, ["Aún no hay comentarios", "Un comentario", "2 comentarios"]),
        ("nl", {}, ["Ancora nessun commento", "Un commento", "2 commenti"]),
        ("it", {"lang": "de"}, ["Noch keine Kommentare", "Ein Kommentar", "2 Kommentare"]),
    ],
)
async def test_the_words_are_those_of_the_page_else_of_its_reader(
    http: ClientSession,
    site: Website,
    service: Running,
    visit: Visit,
    language: str,
    data: dict[str, str],
    words: list[str],
) -> None:
    assert len(LANGUAGES) == 5
    await published(http, site, "/1")
    for body in ("uno", "due"):
        await published(http, site, "/2", body=body)
    site.language = language
    site.count(
        service.url,
        "".join(f'<a id="n{n}" href="/{n}" data-comments-count data-comments-words></a>' for n in range(3)),
        **data,
    )
    await visit.page.goto(site.url)
    await visit.shows(n0=words[0], n1=words[1], n2=words[2])


async def test_a_site_that_is_not_listed_is_named_once_and_the_others_are_counted(
    http: ClientSession, site: Website, service: Running, visit: Visit
) -> None:
    await published(http, site, "/uno")
    site.count(
        service.url,
        """<a id="one" href="/uno" data-comments-count>?</a>
        <a id="other" href="https://nobody.example/a" data-comments-count>Commenti</a>
        <a id="too" href="https://nobody.example/b" data-comments-count>Commenti</a>
        <a id="wrong" href="https://user:pw@www.example.org/" data-comments-count>Commenti</a>""",
    )
    await visit.page.goto(site.url)
    await visit.shows(one="1", other="Commenti", too="Commenti", wrong="Commenti")
    [line] = visit.said
    assert "https://nobody.example:" in line
    assert '"origins"' in line
    assert "MODERATION_SITES" in line
    assert "https://nobody.example," not in line


@pytest.mark.parametrize(("status", "body"), [(502, "<h1>Bad gateway</h1>"), (503, "{}"), (200, "{}")])
async def test_where_the_service_does_not_answer_what_stood_there_stays(
    site: Website, service: Running, visit: Visit, status: int, body: str
) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(status=status, body=body, headers={"Access-Control-Allow-Origin": "*"})

    await visit.page.route(f"**{COUNTS}**", answer)
    site.count(service.url, '<a id="one" href="/uno" data-comments-count>Commenti</a>')
    await visit.page.goto(site.url, wait_until="networkidle")
    assert len(visit.asked) == 1
    await visit.shows(one="Commenti")
    assert [one for one in visit.failed if "status of" not in one] == []
    assert visit.said == []
