"""The widget as visitors meet it: on a website of another origin, in a real browser, under a strict policy."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Page, Route, expect

from tests.browser import launched
from tests.desk_browser import SCREEN, at_its_own_address, violations
from tests.factories import a_submission
from tests.posting import COMMENTS, decide, queued
from tests.running import Running
from tests.test_injection import SCRIPTS
from tests.website import Website, website

NARROW = {"width": 360, "height": 740}
SMALL_TARGETS = """() => [...document.querySelector("main > div").shadowRoot.querySelectorAll(
  "button, input, textarea")].filter((one) => one.checkVisibility() && !one.closest(".quiet"))
  .map((one) => [one.getBoundingClientRect(), one.outerHTML])
  .filter(([{ height, width }]) => Math.min(height, width) < (matchMedia("(pointer: coarse)").matches ? 44 : 32))
  .map(([, html]) => html)"""
THANKS = "Grazie, il commento è arrivato. Sarà visibile a tutti dopo l’approvazione di un moderatore."


@pytest.fixture
async def place(tmp_path: object) -> str:
    """One engine is enough for what a browser shows."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
async def site() -> AsyncIterator[Website]:
    async with website() as opened:
        yield opened


@pytest.fixture
def screening() -> str:
    return "off"


@pytest.fixture
async def service(
    start: Callable[..., Awaitable[Running]], site: Website, tmp_path: Path, screening: str
) -> Running:
    sites = tmp_path / "website.toml"
    sites.write_text(site.sites(), encoding="utf-8")
    running = await at_its_own_address(start, screening=screening, sites=str(sites))
    site.embed(running.url)
    return running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with launched() as opened:
        yield opened


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async for opened in a_page(browser):
        yield opened


async def a_page(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page; its errors and those that its policy stopped fail the test."""
    context = await browser.new_context(**({"viewport": SCREEN, "locale": "it-IT"} | options))
    context.set_default_timeout(10_000)
    errors: list[str] = []
    context.on("weberror", lambda one: errors.append(str(one.error)))
    context.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
    opened = await context.new_page()
    opened.on("dialog", lambda one: errors.append(one.message))
    yield opened
    await context.close()
    assert [one for one in errors if "status of" not in one and "net::ERR_FAILED" not in one] == []


class Visitor:
    """What a visitor does with the widget."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.note = page.locator(".note")
        self.button = page.get_by_role("button", name="Invia il commento")

    async def fill(self, body: str = "interessante…", email: str = "giuliana@example.com") -> None:
        await self.page.get_by_role("textbox", name="Commento").fill(body)
        await self.page.get_by_role("textbox", name="Nome").fill("Giuliana")
        await self.page.get_by_role("textbox", name="E-mail").fill(email)

    async def send(self, **filled: str) -> None:
        await self.fill(**filled)
        await self.button.click()

    async def kept(self, body: str) -> None:
        """Check that nothing was lost."""
        await expect(self.page.get_by_role("textbox", name="Commento")).to_have_value(body)
        await expect(self.page.get_by_role("textbox", name="Nome")).to_have_value("Giuliana")


async def published(http: ClientSession, site: Website, path: str = "/", **changed: Any) -> str:
    answer = await http.post(COMMENTS, json=a_submission(page_url=f"{site.url}{path}", **changed))
    assert answer.status == 202, await answer.text()
    comment_id: str = (await answer.json())["id"]
    await decide(http, "approve", comment_id)
    return comment_id


async def test_a_visitor_reads_writes_and_sees_it_once_it_is_approved(
    http: ClientSession, site: Website, page: Page
) -> None:
    await page.goto(f"{site.url}/chi-siamo?utm_source=x#in-fondo")
    await expect(page.get_by_role("heading", level=2)).to_have_text("Ancora nessun commento")
    visitor = Visitor(page)
    await visitor.send()
    await expect(visitor.note).to_have_text(THANKS)
    await expect(visitor.note).to_be_focused()
    await expect(page.get_by_role("textbox", name="Commento")).to_have_value("")
    await expect(page.get_by_role("textbox", name="Nome")).to_have_value("Giuliana")
    [waiting] = await queued(http)
    assert waiting["page_url"] == f"{site.url}/chi-siamo"
    assert (waiting["page_title"], waiting["body"]) == ("Chi siamo", "interessante…")
    await decide(http, "approve", waiting["id"])
    await page.reload()
    await expect(page.get_by_role("heading", level=2)).to_have_text("Un commento")
    await expect(page.locator("article .body")).to_have_text("interessante…")
    assert await page.evaluate("document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)") == ""


async def test_an_answer_is_written_below_what_it_answers_by_keys_alone(
    http: ClientSession, site: Website, page: Page
) -> None:
    first = await published(http, site, author_name="Bruno", body="primo")
    second = await published(http, site, author_name="Lia", body="secondo", parent_id=first)
    await page.goto(site.url)
    await expect(page.locator("article")).to_have_count(2)
    await expect(page.locator(f"#comment-{second}")).to_have_class("depth-1")
    reply = page.get_by_role("button", name="Rispondi a Bruno")
    await tab_to(page, reply)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("textbox", name="Commento")).to_be_focused()
    await expect(page.get_by_role("form", name="Rispondi a Bruno")).to_be_visible()
    await tab_to(page, page.get_by_role("button", name="Annulla"))
    await page.keyboard.press("Enter")
    await expect(reply).to_be_focused()
    await expect(page.get_by_role("form", name="Scrivi un commento")).to_be_visible()
    await page.keyboard.press("Enter")
    await page.keyboard.type("terzo")
    for label, text in (("Nome", "Giuliana"), ("E-mail", "giuliana@example.com")):
        await tab_to(page, page.get_by_role("textbox", name=label))
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await expect(page.locator(f"#comment-{first} + .note")).to_have_text(THANKS)
    await expect(page.locator(".note")).to_be_focused()
    [waiting] = [one for one in await queued(http) if one["status"] == "pending"]
    assert (waiting["parent_id"], waiting["body"]) == (first, "terzo")
    await page.get_by_role("button", name="Bruno", exact=True).press("Enter")
    await expect(page.locator(f"#comment-{first}")).to_be_focused()


LEGIBLE = """() => {
  const root = document.querySelector("main > div").shadowRoot;
  const opaque = (one) => {
    let found = 1;
    for (let at = one; at instanceof Element; at = at.parentElement) found *= getComputedStyle(at).opacity;
    return found;
  };
  return [...root.querySelectorAll("*")].filter((one) => one.checkVisibility() && one.innerText?.trim())
    .map((one) => [getComputedStyle(one).color, opaque(one), one.outerHTML.slice(0, 80)])
    .filter(([color, opacity]) => color !== getComputedStyle(document.body).color || opacity < 0.85)
}"""


async def test_every_text_follows_the_page_when_a_script_makes_it_dark(
    http: ClientSession, site: Website, page: Page
) -> None:
    first = await published(http, site, author_name="Bruno", body="primo")
    await published(http, site, author_name="Lia", body="> secondo", parent_id=first)
    site.head = "<style>html{background:#fff;color:#222}html.dark{background:#111;color:#eee}</style>"
    site.policy = site.policy.replace("script-src", "style-src 'unsafe-inline'; script-src")
    await page.goto(site.url)
    await Visitor(page).send()
    await expect(page.locator(".note")).to_be_focused()
    assert await page.evaluate(LEGIBLE) == []
    await page.evaluate("document.documentElement.className = 'dark'")
    assert await page.evaluate("getComputedStyle(document.body).color") == "rgb(238, 238, 238)"
    assert await page.evaluate(LEGIBLE) == []


async def test_what_was_written_is_there_after_a_reload_until_it_was_sent(
    http: ClientSession, site: Website, page: Page
) -> None:
    stumbling = Stumbling(page, "no connection")
    await stumbling.begin()
    await page.goto(site.url)
    visitor = Visitor(page)
    await visitor.fill(body="una bozza")
    await page.reload()
    await visitor.kept("una bozza")
    await visitor.button.click()
    await expect(visitor.note).to_contain_text("Non inviato.")
    await page.reload()
    await visitor.kept("una bozza")
    await visitor.button.click()
    await expect(visitor.note).to_have_text(THANKS)
    await page.reload()
    await expect(page.get_by_role("heading", level=2)).to_have_text("Ancora nessun commento")
    await expect(page.get_by_role("textbox", name="Commento")).to_have_value("")
    await expect(page.get_by_role("textbox", name="Nome")).to_have_value("")
    assert [one["body"] for one in await queued(http)] == ["una bozza"]


async def test_the_button_says_that_it_sends_and_what_was_sent_waits_below_the_thanks(
    http: ClientSession, site: Website, page: Page
) -> None:
    first = await published(http, site, author_name="Bruno", body="primo")
    answer = asyncio.Event()

    async def later(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    await page.route(f"**{COMMENTS}", later)
    await page.goto(site.url)
    await page.get_by_role("button", name="Rispondi a Bruno").click()
    visitor = Visitor(page)
    await visitor.send(body="terzo <b>\nriga")
    sending = page.get_by_role("button", name="Invio in corso…")
    await expect(sending).to_have_attribute("aria-disabled", "true")
    await expect(sending.locator("+ button + [role=status]")).to_have_text("Se non riesce, non va perso nulla.")
    answer.set()
    await expect(visitor.note).to_have_text(THANKS)
    await expect(visitor.button).not_to_have_attribute("aria-disabled", "true")
    own = page.locator(f"#comment-{first} + .note + .mine")
    await expect(own.locator(".body")).to_have_text("terzo <b>\nriga")
    await expect(own).to_contain_text("In attesa di approvazione: lo vedi solo tu")
    await expect(own).to_have_class("depth-1 mine")


async def tab_to(page: Page, target: Any) -> None:
    """Press the tabulator until the element has the focus."""
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await target.evaluate("one => one.getRootNode().activeElement === one"):
            return
    pytest.fail(f"no way to {target} by keyboard")


async def test_what_is_wrong_stands_beside_its_field_in_the_services_words(
    http: ClientSession, site: Website, page: Page
) -> None:
    await page.goto(site.url)
    visitor = Visitor(page)
    await visitor.button.click()
    await expect(page.get_by_role("textbox", name="Commento")).to_be_focused()
    await expect(page.get_by_role("textbox", name="Commento")).to_have_accessible_description(
        "Compila questo campo."
    )
    await expect(visitor.note).to_contain_text("Controlla ciò che hai scritto.")
    await visitor.send(email="nessuno")
    email = page.get_by_role("textbox", name="E-mail")
    await expect(email).to_be_focused()
    await expect(email).to_have_accessible_description("Questo non è un indirizzo e-mail. (mai mostrata)")
    await expect(email).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_role("textbox", name="Nome")).to_have_attribute("aria-invalid", "false")
    await visitor.kept("interessante…")
    await visitor.send()
    await expect(visitor.note).to_have_text(THANKS)
    await expect(email).to_have_attribute("aria-invalid", "false")
    await expect(page.locator(".wrong:not(:empty)")).to_have_count(0)
    assert len(await queued(http)) == 1


async def test_an_answer_whose_comment_was_withdrawn_meanwhile_is_not_lost(
    http: ClientSession, site: Website, page: Page
) -> None:
    comment_id = await published(http, site, author_name="Bruno")
    await page.goto(site.url)
    await page.get_by_role("button", name="Rispondi a Bruno").click()
    await decide(http, "undo", comment_id)
    visitor = Visitor(page)
    await visitor.send()
    await expect(visitor.note).to_contain_text("non è su questa pagina")
    await expect(visitor.note).to_be_focused()
    await visitor.kept("interessante…")
    await page.get_by_role("button", name="Annulla").click()
    await visitor.button.click()
    await expect(visitor.note).to_have_text(THANKS)


@pytest.mark.parametrize("screening", ["on"])
async def test_who_writes_too_much_is_told_how_long_to_wait(
    http: ClientSession, site: Website, page: Page, screening: str
) -> None:
    assert screening == "on"
    await page.goto(site.url)
    visitor = Visitor(page)
    await visitor.send()
    await expect(visitor.note).to_have_text(THANKS)
    await visitor.send()
    await expect(page.get_by_role("textbox", name="Commento")).to_have_value("")
    await expect(visitor.note).to_have_text(THANKS)
    for n in range(19):
        await http.post(COMMENTS, json=a_submission(page_url=site.url, body=f"numero {n}"))
    await visitor.send(body="uno di troppo")
    await expect(visitor.note).to_contain_text("Troppi commenti.")
    await expect(visitor.note).to_contain_text("Si può inviare di nuovo tra 10 minuti.")
    await expect(visitor.note).to_be_focused()
    await visitor.kept("uno di troppo")


class Stumbling:
    """A service that fails in a certain way before it works again; the keys that comments came with."""

    def __init__(self, page: Page, *failures: Any) -> None:
        self._page = page
        self._failures = list(failures)
        self.keys: list[str] = []

    async def begin(self) -> None:
        await self._page.route("**/api/v1/comments", self._answer)

    async def _answer(self, route: Route) -> None:
        if route.request.method != "POST":
            await route.continue_()
            return
        self.keys.append(route.request.headers["idempotency-key"])
        failure = self._failures.pop(0) if self._failures else None
        if failure is None:
            await route.continue_()
        elif failure == "reached, answer lost":
            await route.fetch()
            await route.abort()
        elif failure == "no connection":
            await route.abort()
        else:
            await route.fulfill(**failure)


def problem(status: int, **headers: str) -> dict[str, Any]:
    document = {
        "type": "urn:moderation-service:problem:unavailable",
        "title": "Ora non si può",
        "detail": "Ma poi.",
    }
    shared = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
    return {"status": status, "headers": shared | headers, "body": json.dumps(document)}


async def test_a_service_that_asks_to_come_back_in_a_moment_is_asked_again_with_the_same_key(
    http: ClientSession, site: Website, page: Page
) -> None:
    busy = problem(503, **{"Retry-After": "0"})
    stumbling = Stumbling(page, busy, busy)
    await stumbling.begin()
    await page.goto(site.url)
    visitor = Visitor(page)
    await visitor.send()
    await expect(visitor.note).to_have_text(THANKS)
    assert len(stumbling.keys) == 3
    assert len(set(stumbling.keys)) == 1
    assert len(await queued(http)) == 1


@pytest.mark.parametrize(
    ("failures", "said"),
    [
        (["no connection"], "Il testo resta qui anche se ricarichi la pagina."),
        (["reached, answer lost"], "Il testo resta qui anche se ricarichi la pagina."),
        ([{"status": 502, "body": "<h1>Bad gateway</h1>"}], "Il testo resta qui anche se ricarichi la pagina."),
        ([problem(500)], "Ora non si può. Ma poi."),
        (
            [problem(503, **{"Retry-After": "90"})],
            "Ora non si può. Ma poi. Si può inviare di nuovo tra 90 secondi.",
        ),
        ([problem(503, **{"Retry-After": "1"})] * 3, "Si può inviare di nuovo tra 1 secondo."),
    ],
)
async def test_a_failure_loses_nothing_and_the_second_press_makes_no_second_comment(
    http: ClientSession, site: Website, page: Page, failures: list[Any], said: str
) -> None:
    stumbling = Stumbling(page, *failures)
    await stumbling.begin()
    await page.goto(site.url)
    visitor = Visitor(page)
    await visitor.send(body="prima bozza")
    await expect(visitor.note).to_contain_text(said)
    await expect(visitor.note).to_be_focused()
    await visitor.kept("prima bozza")
    await visitor.button.click()
    await expect(visitor.note).to_have_text(THANKS)
    assert len(stumbling.keys) == len(failures) + 1
    assert len(set(stumbling.keys)) == 1
    assert [one["body"] for one in await queued(http)] == ["prima bozza"]
    await visitor.send(body="seconda")
    await expect(visitor.note).to_have_text(THANKS)
    assert len(set(stumbling.keys)) == 2


async def test_a_text_that_was_changed_after_a_failure_comes_with_a_new_key(
    http: ClientSession, site: Website, page: Page
) -> None:
    stumbling = Stumbling(page, "reached, answer lost")
    await stumbling.begin()
    await page.goto(site.url)
    visitor = Visitor(page)
    await visitor.send(body="prima bozza")
    await expect(visitor.note).to_be_focused()
    await visitor.send(body="seconda bozza")
    await expect(visitor.note).to_have_text(THANKS)
    assert sorted(one["body"] for one in await queued(http)) == ["prima bozza", "seconda bozza"]


async def test_more_comments_are_loaded_and_the_first_of_them_has_the_focus(
    http: ClientSession, site: Website, page: Page
) -> None:
    ids = [await published(http, site, body=f"numero {n}") for n in range(52)]
    ids.append(await published(http, site, body="risposta", parent_id=ids[0]))
    await page.route("**/api/v1/comments?*cursor=*", lambda route: route.abort(), times=1)
    await page.goto(f"{site.url}/#comment-{ids[49]}")
    await expect(page.locator("article")).to_have_count(50)
    await expect(page.locator(f"#comment-{ids[49]}")).to_be_in_viewport()
    await expect(page.get_by_role("heading", level=2)).to_have_text("53 commenti")
    await page.get_by_role("textbox", name="Commento").fill("intanto")
    await page.get_by_role("button", name="Commenti successivi").click()
    await expect(page.locator(".state")).to_contain_text("Non è stato possibile caricare i commenti.")
    await page.get_by_role("button", name="Riprova").click()
    await expect(page.locator("article")).to_have_count(53)
    await expect(page.locator(f"#comment-{ids[50]}")).to_be_focused()
    await expect(page.locator(f"#comment-{ids[0]} + article")).to_contain_text("risposta")
    await expect(page.get_by_role("button", name="Commenti successivi")).to_be_hidden()
    await expect(page.get_by_role("textbox", name="Commento")).to_have_value("intanto")


async def test_a_page_of_no_site_says_so(site: Website, service: Running, page: Page) -> None:
    site.embed(service.url, page_url="https://nobody.example/")
    await page.goto(site.url)
    await expect(page.locator(".state")).to_contain_text("Sito sconosciuto.")


@pytest.mark.parametrize(
    ("head", "data", "path"),
    [
        ("", {}, "/chi-siamo?a=1"),
        ('<link rel="canonical" href="/canonica">', {}, "/canonica"),
        ('<link rel="canonical" href="/canonica">', {"page_url": "/data?b=2"}, "/data?b=2"),
    ],
)
async def test_the_page_is_the_one_that_the_script_names_else_the_canonical_one(
    http: ClientSession,
    site: Website,
    service: Running,
    page: Page,
    head: str,
    data: dict[str, str],
    path: str,
) -> None:
    site.head = head
    site.embed(service.url, page_title="  Chi\n siamo ", **data)
    await published(http, site, path, body="qui")
    await page.goto(f"{site.url}/chi-siamo?a=1")
    await expect(page.locator("article")).to_contain_text("qui")
    visitor = Visitor(page)
    await visitor.send()
    await expect(visitor.note).to_have_text(THANKS)
    waiting = [one for one in await queued(http) if one["status"] == "pending"]
    assert [(one["page_url"], one["page_title"]) for one in waiting] == [(f"{site.url}{path}", "Chi siamo")]


@pytest.mark.parametrize(
    ("page_language", "attributes", "heading"),
    [
        ("it", 'src="{url}"', "Ancora nessun commento"),
        ("de-CH", 'src="{url}"', "Noch keine Kommentare"),
        ("it", 'src="{url}" data-lang="fr"', "Aucun commentaire pour le moment"),
        ("it", 'src="{url}?lang=es"', "Aún no hay comentarios"),
        ("nl", 'src="{url}"', "No comments yet"),
        ("it", 'src="{url}" data-lang="xx"', "No comments yet"),
    ],
)
async def test_it_speaks_as_it_is_told_else_as_the_page_does(
    browser: Browser, site: Website, service: Running, page_language: str, attributes: str, heading: str
) -> None:
    site.language = page_language
    site.embed(service.url, trusted_types=False)
    place = '<div id="comments"><a href="https://comments.example.net/comments">Commenti</a></div>'
    site.content = (
        f"{place}<p>dopo</p><script {attributes.format(url=f'{service.url}/embed/comments.js')} async></script>"
    )
    async for page in a_page(browser, locale="en-GB"):
        await page.goto(site.url)
        await expect(page.get_by_role("heading", level=2)).to_have_text(heading)
        await expect(page.locator("#comments a")).to_have_count(0)
        await expect(page.locator("form")).to_have_count(1)


async def test_under_trusted_types_another_language_is_better_than_none(
    browser: Browser, site: Website, service: Running
) -> None:
    site.embed(service.url)
    site.language = "de"
    site.content = site.content.replace("?lang=it", "")
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(site.url)
    await expect(page.get_by_role("heading", level=2)).to_have_text("No comments yet")
    await context.close()


HOSTILE_PATH = "/?%22%3E%3Cimg/src=x/onerror=alert(1)%3E"
MARKUP = (
    '**forte** *corsivo* `codice` [parole](https://a.example/?x=1&y=2) https://b.example/è?q="a"&z=\'',
    '> citazione\n> su due righe\n\n3. tre\n4. quattro\n\n- a\n  - b\n\n```\n<pre> & "tutto"\n```',
    "testo\n\n    altro codice\n    su due righe",
    "a < b && c > d &amp; &lt;b&gt; &nbsp; &copy; &#60; \u00a0 \u2028",
    "[x](javascript:alert(1)) ![x](https://evil.example/x.png) <https://evil.example/<script>>",
    '[<b>x</b>](https://a.example/"onclick="alert(1)) [y](https://a.example/> "titolo")',
)


async def test_what_visitors_write_is_shown_as_the_service_rendered_it_and_runs_nowhere(
    browser: Browser, http: ClientSession, site: Website, page: Page
) -> None:
    site.title = "</h1><script>alert('titolo')</script>" + SCRIPTS[2]
    for text in (*SCRIPTS, *MARKUP):
        name = text.replace("\n", " ").replace("\u2028", " ")[:245]
        url = f"https://evil.example/{text}".replace(" ", "%20").replace("\n", "").replace("\\", "")
        author = {} if {"\u202e", "\u2028"} & set(url) or "\u00a0" in url else {"author_url": url}
        await published(http, site, HOSTILE_PATH, author_name=name, body=text, **author)
    await page.goto(f"{site.url}{HOSTILE_PATH}")
    articles = page.locator("article")
    await expect(articles).to_have_count(len(SCRIPTS) + len(MARKUP))
    query = {"page_url": f"{site.url}{HOSTILE_PATH}"}
    listed = (await (await http.get(COMMENTS, params=query)).json())["comments"]
    shown = await page.evaluate(
        "() => [...document.querySelector('main > div').shadowRoot.querySelectorAll('article')]"
        ".map((one) => [one.querySelector('strong').textContent, one.querySelector('.body').innerHTML])"
    )
    reference = await (await browser.new_context()).new_page()
    parsed = await reference.evaluate(
        "(all) => all.map((html) => new DOMParser().parseFromString(html, 'text/html').body.innerHTML)",
        [one["body_html"] for one in listed],
    )
    assert shown == [[one["author_name"], html] for one, html in zip(listed, parsed, strict=True)]
    await page.get_by_role("button", name="Rispondi a").first.click()
    await expect(page.locator("h3")).to_contain_text(listed[0]["author_name"])
    elements = await page.evaluate(
        "() => [...document.querySelector('main > div').shadowRoot.querySelectorAll('*')]"
        ".map((one) => [one.localName, one.getAttributeNames(), one.href ?? ''])"
    )
    for name, attributes, href in elements:
        assert name not in ("script", "img", "svg", "iframe", "style", "base", "b")
        assert not [one for one in attributes if one.startswith("on") or one == "style"]
        assert href.startswith(("http://", "https://")) or not href


@pytest.mark.parametrize(
    "hostile",
    [
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="java&#115;cript:alert(1)" onclick="alert(1)">x</a>',
        '<p style="position:fixed" onclick="alert(1)">x</p>',
        "<script>alert(1)</script>",
        "<svg><script>alert(1)</script></svg>",
        "</div></div></section><p>x",
        "<<p>x<",
        '<math><mi//xlink:href="data:x,<script>alert(4)</script>">',
    ],
)
async def test_even_a_service_gone_wrong_could_put_no_script_into_the_page(
    site: Website, page: Page, service: Running, hostile: str
) -> None:
    del service
    comment = {
        "id": "x",
        "parent_id": None,
        "author_name": hostile,
        "author_url": "javascript:alert(1)",
        "body": "",
        "body_html": hostile,
        "created_at": "2026-11-22T10:00:00Z",
    }
    listed = {"page_url": site.url, "count": 1, "comments": [comment], "next_cursor": None}
    await page.route(
        "**/api/v1/comments?*",
        lambda route: route.fulfill(body=json.dumps(listed), headers={"Access-Control-Allow-Origin": "*"}),
    )
    await page.goto(site.url)
    await expect(page.locator("article strong")).to_have_text(hostile)
    found = await page.evaluate(
        "() => [...document.querySelector('main > div').shadowRoot.querySelectorAll('article *')]"
        ".map((one) => [one.localName, ...one.getAttributeNames()].join(' '))"
    )
    assert set(found) <= {
        "p class",
        "strong",
        "a href class",
        "div class",
        "span class aria-hidden",
        "span",
        "bdi",
        "span class",
        "time datetime",
        "div class dir",
        "button type class aria-label",
        "p",
    }


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_wrong_and_a_phone_has_room_for_it(
    browser: Browser, http: ClientSession, site: Website, service: Running, scheme: str, language: str
) -> None:
    site.language = language
    site.embed(service.url)
    send = {"it": "Invia il commento", "en": "Send comment"}[language]
    for viewport in (NARROW, SCREEN):
        async for page in a_page(browser, viewport=viewport, color_scheme=scheme, has_touch=viewport is NARROW):

            async def check(where: str, page: Page = page) -> None:
                assert await violations(page) == [], where
                width = await page.evaluate("document.documentElement.scrollWidth")
                assert width <= page.viewport_size["width"], where  # type: ignore[index]
                assert await page.evaluate(SMALL_TARGETS) == [], where

            await page.goto(f"{site.url}/vuota")
            await expect(page.locator(".state")).to_have_text(
                {"it": "Scrivi il primo.", "en": "Be the first to say something."}[language]
            )
            await check("empty")
            await talk(http, site)
            await page.goto(site.url)
            await expect(page.locator("article").nth(3)).to_be_visible()
            await check("threads")
            await page.locator("article button").first.click()
            await check("answering")
            await page.get_by_role("button", name=send).click()
            await expect(page.locator("[aria-invalid=true]").first).to_be_focused()
            await check("faults")
            for name, text in (("body", "x"), ("author_name", "Ugo"), ("author_email", "ugo@example.com")):
                await page.locator(f"#{name}").fill(text)
            await page.get_by_role("button", name=send).click()
            await expect(page.locator(".note")).to_be_focused()
            await expect(page.locator("[aria-invalid=true]")).to_have_count(0)
            await check("sent")


async def talk(http: ClientSession, site: Website) -> None:
    """Publish a conversation of all that is hard to show."""
    parent = None
    for name, body in (
        ("Giuliana", MARKUP[0]),
        ("N" * 245, "parola" * 200),
        ("ליאת", "שלום " * 60),
        ("Ugo", MARKUP[1] + "\n\n```\n" + "codice lungo " * 30 + "\n```"),
        ("Lia", "https://www.example.org/" + "x" * 300),
        ("Ivo", "quinto"),
        ("Ada", "sesto"),
    ):
        parent = await published(
            http, site, author_name=name, body=body, parent_id=parent, author_url="https://a.example/"
        )
