"""Which page an element is about, as it is told or as the address says, and when that changes."""

from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Page, expect

from tests.support.running import Running
from tests.support.website import Website, an_element
from tests.support.widget import THANKS, Visitor, a_page, published, waiting_of
from tests.support.widget_stage import Stage

BODY = "article .body"
EMPTY = "Ancora nessun commento"
TO = """([path, title]) => {
  history.pushState({}, "", path);
  document.title = title;
}"""
CANONICAL = """(href) => {
  document.querySelector("link[rel=canonical]")?.remove();
  const link = Object.assign(document.createElement("link"), { rel: "canonical", href });
  document.head.append(link);
}"""
EVENTS = """() => {
  window.heard = [];
  for (const name of ["comments:loaded", "comments:posted"]) {
    document.addEventListener(name, (event) => heard.push([name, event.target.localName, event.detail]));
  }
}"""


def warnings_of(page: Page) -> list[str]:
    """What is said in the console from now on."""
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text) if one.type == "warning" else None)
    return said


async def test_two_elements_show_two_pages_and_each_posts_to_its_own(
    http: ClientSession, site: Website, service: Running, page: Page
) -> None:
    for path in ("/uno", "/due"):
        await published(http, site, path, body=f"su {path}")
    site.element(service.url, page_url=f"{site.url}/uno", loading="eager")
    site.content += an_element(page_url=f"{site.path}/due", lang="en", loading="eager")
    await page.add_init_script(f"({EVENTS})()")
    await page.goto(f"{site.url}/elenco")
    first, second = page.locator("moderated-comments").first, page.locator("moderated-comments").last
    await expect(first.locator(BODY)).to_have_text("su /uno")
    await expect(second.locator(BODY)).to_have_text("su /due")
    await expect(second.get_by_role("heading", level=2)).to_have_text("One comment")
    await second.get_by_role("textbox", name="Comment").fill("anch’io")
    await second.get_by_role("textbox", name="Name").fill("Giuliana")
    await second.get_by_role("textbox", name="E-mail").fill("giuliana@example.com")
    await second.get_by_role("button", name="Send comment").click()
    await expect(second.locator(".note")).to_contain_text("Thank you")
    await expect(first.locator(".note")).to_have_count(0)
    await expect(first.get_by_role("textbox", name="Commento")).to_have_value("")
    [waiting] = await waiting_of(http, site)
    assert (waiting["page_url"], waiting["body"]) == (f"{site.url}/due", "anch’io")
    heard = await page.evaluate("heard")
    pages = [f"{site.url}/{one}" for one in ("uno", "due")]
    assert sorted(one[2]["page_url"] for one in heard if one[0] == "comments:loaded") == sorted(pages)
    assert [(one[1], one[2]) for one in heard if one[0] == "comments:posted"] == [
        ("moderated-comments", {"id": waiting["id"], "parent_id": None, "page_url": pages[1]})
    ]
    link = first.locator("article .when")
    assert await link.evaluate("(one) => one.href.split('#')[0]") == pages[0]


@pytest.mark.parametrize("api", ["navigation", "history"])
async def test_an_element_follows_the_address_and_never_shows_the_former_page_under_the_new_title(
    http: ClientSession, site: Website, service: Running, page: Page, api: str
) -> None:
    for path in ("/uno", "/due", "/tre"):
        await published(http, site, path, body=f"su {path}")
    site.element(service.url)
    site.head = f'<link rel="canonical" href="{site.url}/uno">'
    if api == "history":
        await page.add_init_script("Object.defineProperty(window, 'navigation', { value: undefined })")
    said = warnings_of(page)
    await page.goto(f"{site.url}/uno")
    await expect(page.locator(BODY)).to_have_text("su /uno")
    await page.get_by_role("textbox", name="Commento").fill("per uno")

    # The canonical address of the page before is left in the head.
    await page.evaluate(TO, [f"{site.path}/due", "Due"])
    await expect(page.locator(BODY)).to_have_text("su /due")
    assert "former page" in said[-1]
    visitor = Visitor(page)
    await expect(page.get_by_role("textbox", name="Commento")).to_have_value("")
    await visitor.send(body="per due")
    await expect(visitor.note).to_have_text(THANKS)
    [waiting] = await waiting_of(http, site)
    assert (waiting["page_url"], waiting["page_title"]) == (f"{site.url}/due", "Due")

    # Another framework writes the canonical address after it has changed the address.
    await page.evaluate(TO, [f"{site.path}/tre-come-la-chiama-il-menu", "Tre"])
    await expect(page.get_by_role("heading", level=2)).to_have_text(EMPTY)
    await expect(page.locator(".note")).to_have_count(0)
    await page.evaluate(CANONICAL, f"{site.path}/tre")
    await expect(page.locator(BODY)).to_have_text("su /tre")

    await page.evaluate("history.go(-2)")
    await expect(page.get_by_role("textbox", name="Commento")).to_have_value("per uno")


async def test_a_late_answer_for_the_former_page_is_not_shown_on_the_new_one(
    http: ClientSession, site: Website, service: Running, page: Page
) -> None:
    for path in ("/uno", "/due"):
        await published(http, site, path, body=f"su {path}")
    site.element(service.url)
    held: list[Any] = []

    async def hold(route: Any) -> None:
        held.append(route)

    await page.route("**/api/v1/comments?*uno*", hold)
    async with page.expect_request("**/api/v1/comments?*uno*"):
        await page.goto(f"{site.url}/uno")
    await page.evaluate(TO, [f"{site.path}/due", "Due"])
    await expect(page.locator(BODY)).to_have_text("su /due")
    async with page.expect_response("**/api/v1/comments?*uno*"):
        await held[0].continue_()
    await page.evaluate("new Promise(requestAnimationFrame)")
    await expect(page.locator(BODY)).to_have_text("su /due")


async def test_attributes_are_followed_and_a_swapped_body_brings_an_element_of_its_own(
    http: ClientSession, site: Website, service: Running, page: Page
) -> None:
    for path in ("/uno", "/due", "/tre"):
        await published(http, site, path, body=f"su {path}")
    site.element(service.url, page_url=f"{site.url}/uno", page_title="Uno")
    await page.goto(f"{site.url}/app")
    element = page.locator("moderated-comments")
    await expect(page.locator(BODY)).to_have_text("su /uno")
    await element.evaluate("(one, url) => one.setAttribute('page-url', url)", f"{site.url}/due")
    await element.evaluate("(one) => one.setAttribute('page-title', 'Due')")
    await expect(page.locator(BODY)).to_have_text("su /due")
    await element.evaluate("(one) => one.setAttribute('lang', 'de')")
    await expect(page.get_by_role("heading", level=2)).to_have_text("Ein Kommentar")
    await element.evaluate("(one) => one.setAttribute('lang', 'it')")
    await expect(page.get_by_role("heading", level=2)).to_have_text("Un commento")

    # Moved within the page, it keeps what stands in it.
    await page.get_by_role("textbox", name="Commento").fill("una bozza")
    await element.evaluate("(one) => { one.remove(); document.body.append(one); }")
    await expect(page.get_by_role("textbox", name="Commento")).to_have_value("una bozza")
    await Visitor(page).send(body="due")
    await expect(page.locator(".note")).to_have_text(THANKS)
    [waiting] = await waiting_of(http, site)
    assert (waiting["page_url"], waiting["page_title"]) == (f"{site.url}/due", "Due")

    # What swaps bodies, as Turbo does, or parts of them, as htmx does, makes a new element; no script runs again.
    await page.evaluate(
        """(path) => {
          history.pushState({}, "", path);
          const body = document.createElement("body");
          body.append(document.createElement("moderated-comments"));
          document.body = body;
        }""",
        f"{site.path}/tre",
    )
    await expect(page.locator(BODY)).to_have_text("su /tre")
    await page.evaluate("document.querySelector('moderated-comments').remove()")
    await page.evaluate(TO, [f"{site.path}/uno", "Uno"])
    await page.evaluate("document.body.append(document.createElement('moderated-comments'))")
    await expect(page.locator(BODY)).to_have_text("su /uno")


async def test_a_canonical_address_counts_only_where_it_can_be_this_pages_own(
    http: ClientSession, site: Website, service: Running, stage: Stage, page: Page
) -> None:
    await published(http, site, "/canonica", body="sulla canonica")
    await published(http, site, "/pagina", body="sulla pagina")
    said = warnings_of(page)
    elsewhere = stage.stranger.url
    for canonical, shown, complaint in (
        (f"{site.url}/canonica", "sulla canonica", None),
        (f"{site.origin}/", "sulla pagina", "it is the home page"),
        (f"{elsewhere}/canonica", "sulla pagina", "no origin of the site"),
        ("nonsense://x", "sulla pagina", None),
    ):
        said.clear()
        site.element(service.url)
        site.head = f'<link rel="canonical" href="{canonical}">'
        await page.goto(f"{site.url}/pagina?utm_source={len(canonical)}")
        await expect(page.locator(BODY)).to_have_text(shown)
        assert len(said) == (1 if complaint else 0), said
        assert not complaint or (complaint in said[0] and canonical in said[0])


async def test_a_page_that_no_site_lists_has_no_form_and_the_console_says_what_to_do(
    stage: Stage, site: Website, page: Page
) -> None:
    said = warnings_of(page)
    await page.goto(stage.stranger.url)
    await expect(page.locator(".state")).to_contain_text("Sito sconosciuto.")
    await expect(page.locator("form")).to_be_hidden()
    [line] = said
    assert stage.stranger.origin in line
    assert "origins or preview_origins in the sites file" in line
    await expect(page.get_by_role("button", name="Riprova")).to_have_count(0)

    # A page that names an address of another origin can read, not write.
    stage.stranger.embed(stage.service.url, page_url=f"{site.url}/chi-siamo")
    said.clear()
    await page.goto(stage.stranger.url)
    await expect(page.get_by_role("heading", level=2)).to_have_text(EMPTY)
    await expect(page.locator("form")).to_be_hidden()
    assert stage.stranger.origin in said[0]


@pytest.mark.parametrize(
    "script",
    [
        '<div id="comments"></div><script type="module" src="{url}"></script>',
        '<div id="comments"></div><script src="{url}" async></script><script src="{url}" async></script>',
        '<script>window.eval || 0</script><div id="comments"></div><script>{source}</script>',
        '<script>{source}</script><moderated-comments></moderated-comments><script src="{url}"></script>',
    ],
    ids=["module", "twice", "inlined", "inlined and loaded"],
)
async def test_it_works_however_the_script_came_into_the_page(
    http: ClientSession, site: Website, service: Running, page: Page, script: str
) -> None:
    await published(http, site, body="qui")
    url = f"{service.url}/embed/comments.js?lang=it"
    source = await (await http.get(url)).text()
    site.content = script.replace("{url}", url).replace("{source}", source)
    site.policy = ""
    await page.goto(site.url)
    await expect(page.locator(BODY)).to_have_text("qui")
    await expect(page.locator("moderated-comments")).to_have_count(1)
    await expect(page.locator("form")).to_have_count(1)


async def test_it_loads_when_the_reader_comes_near_and_until_then_shows_what_the_page_says(
    http: ClientSession, site: Website, service: Running, page: Page
) -> None:
    comment_id = await published(http, site, body="laggiù")
    site.element(service.url)
    far = '<div style="height:4000px"></div>'
    site.content = far + site.content.replace("></moderated-comments>", "><p>Commenti</p></moderated-comments>")
    site.policy = site.policy.replace("script-src", "style-src 'unsafe-inline'; script-src")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/api/v1/comments" in one.url else None)
    await page.goto(site.url)
    await page.evaluate("customElements.whenDefined('moderated-comments')")
    await expect(page.locator("moderated-comments > p")).to_be_visible()
    assert asked == []
    await page.mouse.wheel(0, 3_000)
    await expect(page.locator(BODY)).to_have_text("laggiù")
    await expect(page.locator("moderated-comments > p")).to_be_hidden()
    assert len(asked) == 1

    # Whoever is led to a comment, or to a page that wants it so, is not made to scroll.
    await page.goto("about:blank")
    await page.goto(f"{site.url}/#comment-{comment_id}")
    await expect(page.locator("article.target")).to_be_in_viewport()
    site.content = site.content.replace("<moderated-comments", '<moderated-comments loading="eager"')
    await page.goto("about:blank")
    await page.goto(site.url)
    await expect(page.locator(BODY)).to_have_text("laggiù")


async def test_a_page_under_a_policy_of_nonces_and_trusted_types_loses_nothing(
    browser: Browser, http: ClientSession, site: Website, service: Running
) -> None:
    await published(http, site, body="*qui*")
    site.language = "de"
    site.element(service.url)
    site.content = site.content.replace("?lang=de", "").replace("<script", '<script nonce="abc"')
    site.policy = (
        f"default-src 'none'; img-src data:; style-src 'none'; script-src 'nonce-abc'; connect-src {service.url}; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    async with a_page(browser, locale="en-GB") as page:
        await page.goto(site.url)
        await expect(page.get_by_role("heading", level=2)).to_have_text("Ein Kommentar")
        await expect(page.locator(f"{BODY} em")).to_have_text("qui")
        await page.get_by_role("textbox", name="Kommentar").fill("**gut** <b>")
        await page.get_by_text("Vorschau").click()
        await expect(page.locator("details strong")).to_have_text("gut")
        await expect(page.locator("details")).to_contain_text("<b>")


async def test_a_form_without_a_script_comes_back_to_a_page_that_says_that_the_comment_waits(
    site: Website, page: Page
) -> None:
    await page.goto(f"{site.url}/?comment_receipt=0123456789abcdef&a=1#comment-01a0-1")
    await expect(page.locator(".note")).to_have_text(THANKS)
    assert await page.evaluate("location.href") == f"{site.url}/?a=1#comment-01a0-1"
    await page.reload()
    await expect(page.get_by_role("heading", level=2)).to_have_text(EMPTY)
    await expect(page.locator(".note")).to_have_count(0)
