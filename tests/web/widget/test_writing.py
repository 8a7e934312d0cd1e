"""The widget as visitors meet it: on a website of another origin, in a real browser, under a strict policy."""

import asyncio
import json
from functools import partial
from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Page, Route, expect

from tests.support.desk_browser import SCREEN, violations_in_both_schemes
from tests.support.factories import API_KEY, a_submission
from tests.support.hostile import HOSTILE_PATH, MARKUP, SCRIPTS
from tests.support.posting import COMMENTS, decide
from tests.support.running import Running, until
from tests.support.website import Website
from tests.support.widget import (
    NARROW,
    THANKS,
    Visitor,
    a_page,
    is_for_axe,
    published,
    tab_to,
    talk,
    waiting_of,
)
from tests.support.widget_stage import Stage

SMALL_TARGETS = """() => [...document.querySelector("moderated-comments").shadowRoot.querySelectorAll(
  "button, input:not([type=checkbox]), .tick, textarea")]
  .filter((one) => one.checkVisibility() && !one.closest(".muted"))
  .map((one) => [one.getBoundingClientRect(), one.outerHTML])
  .filter(([{ height, width }]) => Math.min(height, width) < (matchMedia("(pointer: coarse)").matches ? 44 : 32))
  .map(([, html]) => html)"""


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
    [waiting] = await waiting_of(http, site)
    assert waiting["page_url"] == f"{site.url}/chi-siamo"
    assert (waiting["page_title"], waiting["body"]) == ("Chi siamo", "interessante…")
    await decide(http, "approve", waiting["id"])
    await page.reload()
    await expect(page.get_by_role("heading", level=2)).to_have_text("Un commento")
    await expect(page.locator("article .body")).to_have_text("interessante…")
    kept = "document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)"
    await until(partial(page.evaluate, f"({kept}) === ''"))


@pytest.mark.usefixtures("site")
async def test_the_widget_follows_routes_in_the_fragment_where_these_name_pages(stage: Stage, page: Page) -> None:
    routed = stage.routed
    for path in ("/", "/#/a"):
        answer = await stage.http.post(COMMENTS, json=a_submission(page_url=routed.url + path, body=f"su {path}"))
        await decide(stage.http, "approve", (await answer.json())["id"], key=f"{API_KEY}-routed")
    await page.goto(f"{routed.url}/#/a")
    await expect(page.locator("article .body")).to_have_text("su /#/a")
    [link] = await page.locator("article .when").evaluate_all("(all) => all.map((one) => one.hash)")
    await page.evaluate("(hash) => { location.hash = hash; }", link)
    await expect(page.locator("article.target .body")).to_have_text("su /#/a")
    await page.evaluate("location.hash = '#/b'")
    await expect(page.get_by_role("heading", level=2)).to_have_text("Ancora nessun commento")
    await Visitor(page).send(body="sul percorso b")
    await expect(page.locator(".note")).to_have_text(THANKS)
    waiting = await waiting_of(stage.http, routed, f"{API_KEY}-routed")
    assert [one["page_url"] for one in waiting] == [f"{routed.url}/#/b"]
    await page.evaluate("location.hash = ''")
    await expect(page.locator("article .body")).to_have_text("su /")


@pytest.mark.usefixtures("site")
async def test_the_form_asks_for_what_the_site_wants_to_know_and_shows_its_rules(stage: Stage, page: Page) -> None:
    await page.goto(stage.asking.url)
    await expect(page.get_by_role("link", name="Regole per i commenti")).to_have_attribute(
        "href", "https://www.example.org/regole"
    )
    await expect(page.get_by_role("textbox", name="E-mail")).to_be_hidden()
    await expect(page.get_by_text("conservato cifrato")).to_be_hidden()
    await expect(page.get_by_role("textbox", name="Sito web")).to_have_attribute("required", "")
    await page.get_by_role("textbox", name="Commento").fill("interessante…")
    await page.get_by_role("textbox", name="Nome").fill("Giuliana")
    await page.get_by_role("textbox", name="Sito web").fill("https://giuliana.example")
    await page.get_by_role("button", name="Invia commento").click()
    await expect(page.locator(".note")).to_have_text(THANKS)
    [waiting] = await waiting_of(stage.http, stage.asking, f"{API_KEY}-asking")
    assert (waiting["author_email_masked"], waiting["author_url"]) == (None, "https://giuliana.example")
    await page.goto(stage.site.url)
    await expect(page.get_by_role("textbox", name="E-mail")).to_have_attribute("required", "")
    await expect(page.get_by_text("conservato cifrato")).to_be_visible()


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
    [waiting] = await waiting_of(http, site)
    assert (waiting["parent_id"], waiting["body"]) == (first, "terzo")
    await page.get_by_role("button", name="Bruno", exact=True).press("Enter")
    await expect(page.locator(f"#comment-{first}")).to_be_focused()


LEGIBLE = """() => {
  const root = document.querySelector("moderated-comments").shadowRoot;
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
    assert [one["body"] for one in await waiting_of(http, site)] == ["una bozza"]


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
    await expect(sending.locator("+ button + [role=status]")).to_have_text(
        "Se l’invio non riesce, il testo resta qui."
    )
    answer.set()
    await expect(visitor.note).to_have_text(THANKS)
    await expect(visitor.button).not_to_have_attribute("aria-disabled", "true")
    own = page.locator(f"#comment-{first} + .note + .mine")
    await expect(own.locator(".body")).to_have_text("terzo <b>\nriga")
    await expect(own).to_contain_text("In attesa di approvazione: lo vedi solo tu")
    await expect(own).to_have_class("depth-1 mine")


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
    await expect(email).to_have_accessible_description("Inserisci un indirizzo e-mail valido. (mai mostrata)")
    await expect(email).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_role("textbox", name="Nome")).to_have_attribute("aria-invalid", "false")
    await visitor.kept("interessante…")
    await visitor.send()
    await expect(visitor.note).to_have_text(THANKS)
    await expect(email).to_have_attribute("aria-invalid", "false")
    await expect(page.locator(".wrong:not(:empty)")).to_have_count(0)
    assert len(await waiting_of(http, site)) == 1


async def test_an_answer_whose_comment_was_withdrawn_meanwhile_is_not_lost(
    http: ClientSession, site: Website, page: Page
) -> None:
    comment_id = await published(http, site, author_name="Bruno")
    await page.goto(site.url)
    await page.get_by_role("button", name="Rispondi a Bruno").click()
    await decide(http, "undo", comment_id)
    visitor = Visitor(page)
    await visitor.send()
    await expect(visitor.note).to_contain_text("non è in questa pagina")
    await expect(visitor.note).to_be_focused()
    await visitor.kept("interessante…")
    await page.get_by_role("button", name="Annulla").click()
    await visitor.button.click()
    await expect(visitor.note).to_have_text(THANKS)


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
    assert len(await waiting_of(http, site)) == 1


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
        ([problem(429, **{"Retry-After": "600"})], "Si può inviare di nuovo tra 10 minuti."),
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
    assert [one["body"] for one in await waiting_of(http, site)] == ["prima bozza"]
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
    assert sorted(one["body"] for one in await waiting_of(http, site)) == ["prima bozza", "seconda bozza"]


@pytest.mark.parametrize(
    ("head", "data", "path"),
    [
        ("", {}, "/chi-siamo?a=1"),
        ('<link rel="canonical" href="{}/canonica">', {}, "/canonica"),
        ('<link rel="canonical" href="{}/canonica">', {"page_url": "{}/data?b=2"}, "/data?b=2"),
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
    site.head = head.format(site.path)
    named = {name: value.format(site.path) for name, value in data.items()}
    site.embed(service.url, page_title="  Chi\n siamo ", **dict[str, Any](named))
    await published(http, site, path, body="qui")
    await page.goto(f"{site.url}/chi-siamo?a=1")
    await expect(page.locator("article")).to_contain_text("qui")
    visitor = Visitor(page)
    await visitor.send()
    await expect(visitor.note).to_have_text(THANKS)
    waiting = await waiting_of(http, site)
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
    async with a_page(browser, locale="en-GB") as page:
        await page.goto(site.url)
        await expect(page.get_by_role("heading", level=2)).to_have_text(heading)
        await expect(page.locator("#comments a")).to_be_hidden()
        await expect(page.locator("form")).to_have_count(1)


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
        "() => [...document.querySelector('moderated-comments').shadowRoot.querySelectorAll('article')]"
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
        "() => [...document.querySelector('moderated-comments').shadowRoot.querySelectorAll('*')]"
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
    asked = {"author_email": "required", "author_url": "optional", "rules_url": None, "contact": None}
    listed = {"page_url": site.url, "count": 1, "comments": [comment], "next_cursor": None, "form": asked}
    await page.route(
        "**/api/v1/comments?*",
        lambda route: route.fulfill(body=json.dumps(listed), headers={"Access-Control-Allow-Origin": "*"}),
    )
    await page.goto(site.url)
    await expect(page.locator("article strong")).to_have_text(hostile)
    found = await page.evaluate(
        "() => [...document.querySelector('moderated-comments').shadowRoot.querySelectorAll('article *')]"
        ".map((one) => [one.localName, ...one.getAttributeNames()].join(' '))"
    )
    assert set(found) <= {
        "p class",
        "strong part",
        "a href class",
        "a href rel class aria-label",
        "div class",
        "span class aria-hidden",
        "span",
        "bdi",
        "span class",
        "time datetime title part",
        "div class part dir",
        "button type class aria-label",
        "p",
    }


@pytest.mark.parametrize("language", ["it", "en"])
async def test_axe_finds_nothing_wrong_and_a_phone_has_room_for_it(
    browser: Browser, http: ClientSession, site: Website, service: Running, language: str
) -> None:
    site.language = language
    site.embed(service.url)
    send = {"it": "Invia commento", "en": "Send comment"}[language]
    for viewport in (NARROW, SCREEN):
        touched = {"viewport": viewport, "has_touch": viewport is NARROW}
        async with a_page(browser, **touched, reduced_motion="reduce") as page:

            async def check(where: str, page: Page = page, width: int = viewport["width"]) -> None:
                if is_for_axe(language, width):
                    assert await violations_in_both_schemes(page) == [], where
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, where
                assert await page.evaluate(SMALL_TARGETS) == [], where

            await page.goto(f"{site.url}/vuota")
            await expect(page.locator(".state")).to_have_text(
                {"it": "Scrivi il primo.", "en": "Be the first to comment."}[language]
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
