"""The page of a page's comments in a real browser: without JavaScript, on a phone, in a frame, for axe-core."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Page, expect

from tests.support.browser import opened
from tests.support.desk_browser import SCREEN, at_its_own_address, violations_in_both_schemes
from tests.support.hostile import HOSTILE_PATH, MARKUP, SCRIPTS
from tests.support.posting import decide, queued
from tests.support.required_fields import REQUIRED, says_what_is_required
from tests.support.running import Running
from tests.support.website import Website, website
from tests.support.widget import NARROW, is_for_axe, published, tab_to, talk

DOCUMENTED = "https://comments.example.net"
[LISTENER] = re.findall(
    r"^<iframe.*?</script>$", Path("docs/website.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)
"""What the documentation puts around a frame."""

SMALL_TARGETS = """() => [...document.querySelectorAll("button, input:not([type=hidden]), textarea, a.target")]
  .filter((one) => (one.type === "checkbox" ? one.labels[0] : one).getBoundingClientRect().height < 44)
  .map((one) => one.outerHTML)"""


@pytest.fixture
async def place(tmp_path: object) -> str:
    """One engine is enough for what a browser shows."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
async def site() -> AsyncIterator[Website]:
    async with website() as elsewhere:
        yield elsewhere


@pytest.fixture
async def service(start: Callable[..., Awaitable[Running]], site: Website, tmp_path: Path) -> Running:
    sites = tmp_path / "website.toml"
    sites.write_text(site.sites(), encoding="utf-8")
    return await at_its_own_address(start, screening="off", sites=str(sites))


async def test_a_visitor_without_javascript_answers_a_comment_and_is_told_that_it_waits(
    browser: Browser, http: ClientSession, site: Website, service: Running
) -> None:
    first = await published(http, site, author_name="Bruno", body="primo")
    async with opened(browser) as page:
        await page.goto(f"{service.url}/comments?page_url={site.url}/")
        await page.get_by_role("link", name="Rispondi a Bruno").click()
        form = page.get_by_role("region", name="Rispondi a Bruno")
        await expect(form).to_be_in_viewport()
        await form.get_by_role("textbox", name="Commento").fill("secondo")
        await form.get_by_role("textbox", name="Nome").fill("Giuliana")
        await form.get_by_role("textbox", name="E-mail").fill("giuliana@esempio")
        await form.get_by_role("button").click()
        await expect(page.get_by_text("Inserisci un indirizzo e-mail valido.")).to_be_visible()
        await page.get_by_role("textbox", name="E-mail").fill("giuliana@example.com")
        await page.get_by_role("button").click()
        await expect(page.get_by_role("status")).to_contain_text("Grazie, il tuo commento è arrivato.")
        await expect(page.get_by_role("status")).to_be_focused()
        await expect(page.get_by_role("region", name="Scrivi un commento")).to_be_visible()
        [waiting] = [one for one in await queued(http) if one["status"] == "pending"]
        assert waiting["parent_id"] == first
        await decide(http, "approve", waiting["id"])
        await page.goto(f"{service.url}/comments?page_url={site.url}/")
        await page.get_by_role("link", name="Bruno", exact=True).click()
        assert page.url.endswith(f"#comment-{first}")
        assert await page.locator("article").nth(1).get_attribute("class") == "comment depth-1"


async def test_thanks_and_refusals_are_told_apart_without_colours(
    browser: Browser, http: ClientSession, site: Website, service: Running
) -> None:
    await published(http, site)
    signs = "(one) => getComputedStyle(one, '::before').content"
    async with opened(browser) as page:
        await page.goto(f"{service.url}/comments?page_url={site.url}/&held=1")
        thanks = await page.locator(".note").evaluate(signs)
        await page.evaluate("document.querySelector('form').noValidate = true")
        await page.locator("#respond button").click()
        refused = page.get_by_role("alert")
        await expect(refused).to_contain_text("Alcuni campi non sono stati accettati.")
        assert len({thanks, await refused.evaluate(signs), "none"}) == 3


async def test_a_keyboard_is_enough(
    browser: Browser, http: ClientSession, site: Website, service: Running
) -> None:
    await published(http, site, author_name="Bruno")
    async with opened(browser) as page:
        await page.goto(f"{service.url}/comments?page_url={site.url}/")
        await tab_to(page, page.get_by_role("link", name="Rispondi a Bruno"))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("region", name="Rispondi a Bruno")).to_be_visible()
        for name, text in (("Commento", "secondo"), ("Nome", "Lia"), ("E-mail", "lia@example.com")):
            await tab_to(page, page.get_by_role("textbox", name=name))
            await page.keyboard.type(text)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_be_focused()


@pytest.mark.parametrize("language", REQUIRED)
async def test_required_fields_are_marked_and_a_line_says_so(
    browser: Browser, http: ClientSession, site: Website, service: Running, language: str
) -> None:
    await published(http, site)
    context = await browser.new_context(viewport=SCREEN, locale=language)
    page = await context.new_page()
    await page.goto(f"{service.url}/comments?page_url={site.url}/")
    await says_what_is_required(page, language)
    await page.locator("article a.target").first.click()
    await page.wait_for_url("**reply_to=**")
    await says_what_is_required(page, language)
    await page.evaluate("document.querySelector('form').noValidate = true")
    await page.locator("button").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await says_what_is_required(page, language)
    await context.close()


@pytest.mark.parametrize("language", ["it", "en"])
async def test_axe_finds_nothing_wrong_and_a_phone_has_room_for_it(
    browser: Browser, http: ClientSession, site: Website, service: Running, language: str
) -> None:
    await talk(http, site)
    for viewport in (NARROW, SCREEN):
        context = await browser.new_context(
            viewport=viewport,  # type: ignore[arg-type]
            locale=language,
            reduced_motion="reduce",
        )
        page = await context.new_page()

        async def check(where: str, page: Page = page, width: int = viewport["width"]) -> None:
            await expect(page.locator("html")).to_have_attribute("lang", language)
            if is_for_axe(language, width):
                assert await violations_in_both_schemes(page) == [], where
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, where
            assert await page.evaluate(SMALL_TARGETS) == [], where

        base = f"{service.url}/comments?page_url={site.url}/"
        for path in ("vuota", "", "&order=newest", "&limit=2", "&held=1", "&cursor=x"):
            await page.goto(f"{base}{path}")
            await check(path)
        await page.goto(base)
        await page.locator("article a.target").first.click()
        await page.wait_for_url("**reply_to=**")
        await check("answering")
        await page.evaluate("document.querySelector('form').noValidate = true")
        await page.locator("button").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await check("faults")
        await context.close()


async def test_what_visitors_write_stays_text(
    browser: Browser, http: ClientSession, site: Website, service: Running
) -> None:
    for text in (*SCRIPTS, *MARKUP):
        name = text.replace("\n", " ").replace("\u2028", " ")[:245]
        await published(http, site, HOSTILE_PATH, author_name=name, page_title=name, body=text)
    context = await browser.new_context(viewport=SCREEN, locale="it")
    page = await context.new_page()
    said: list[str] = []
    page.on("dialog", lambda one: said.append(one.message))
    page.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
    await page.goto(f"{service.url}/comments?held=1&order=newest&page_url={quote(site.url + HOSTILE_PATH)}")
    await expect(page.locator("article")).to_have_count(len(SCRIPTS) + len(MARKUP))
    assert not await page.locator("body script, img, svg, iframe, style, b, main [style]").count()
    names = [re.sub(r"\s+", " ", text)[:245].strip() for text in reversed((*SCRIPTS, *MARKUP))]
    shown = [re.sub(r"\s+", " ", one) for one in await page.locator("article strong > bdi").all_text_contents()]
    assert shown == names
    await page.get_by_role("link", name="Rispondi a").first.click()
    await expect(page.locator("#form bdi")).to_have_text(names[0])
    assert [one for one in said if "status of 4" not in one] == []
    await context.close()


async def test_pages_of_the_site_may_frame_it_to_the_end_and_no_others(
    browser: Browser, http: ClientSession, site: Website, service: Running
) -> None:
    await published(http, site, author_name="Bruno", author_url=f"{site.url}/bruno")
    frame_tag = f'<iframe title="Commenti" src="{service.url}/comments?page_url={site.url}/"></iframe>'
    site.content = frame_tag
    context = await browser.new_context(
        viewport=SCREEN,
        locale="it",
        java_script_enabled=False,
    )
    page = await context.new_page()
    await page.goto(site.url)
    frame = page.frame_locator("iframe")
    await expect(frame.locator("article")).to_contain_text("Bruno")
    await frame.get_by_role("link", name="Rispondi a Bruno").click()
    await expect(frame.locator("input[name=parent_id]")).to_have_count(1)
    await frame.get_by_role("textbox", name="Commento").fill("dalla cornice")
    await frame.get_by_role("textbox", name="Nome").fill("Lia")
    await frame.get_by_role("textbox", name="E-mail").fill("lia@esempio")
    await frame.get_by_role("button").click()
    await expect(frame.get_by_text("Inserisci un indirizzo e-mail valido.")).to_be_visible()
    await frame.get_by_role("textbox", name="E-mail").fill("lia@example.com")
    await frame.get_by_role("button").click()
    await expect(frame.get_by_role("status")).to_contain_text("Grazie, il tuo commento è arrivato.")
    assert page.url == f"{site.url}/"
    await frame.get_by_role("link", name="Bruno", exact=True).click()
    await page.wait_for_url(f"{site.url}/bruno")
    async with website() as stranger:
        stranger.content = frame_tag
        await page.goto(stranger.url)
        await expect(page.locator("h1")).to_be_visible()
        await expect(frame.locator("article")).to_have_count(0)
    await context.close()


async def test_a_frame_tells_the_page_around_it_how_high_it_is(
    browser: Browser, http: ClientSession, site: Website, service: Running
) -> None:
    comment_id = await published(http, site, author_name="Bruno", body="primo")
    address = f"{service.url}/comments?page_url={site.url}/"
    site.content = re.sub(r'src="[^"]+"', f'src="{address}"', LISTENER).replace(DOCUMENTED, service.url)
    context = await browser.new_context(viewport=SCREEN, locale="it")
    page = await context.new_page()
    await page.goto(site.url)
    frame = page.frame_locator("iframe")
    await expect(frame.locator("article")).to_contain_text("Bruno")
    await page.wait_for_function("() => document.querySelector('iframe').style.height.endsWith('px')")
    inside = frame.locator("html")
    height = await inside.evaluate("(root) => Math.ceil(root.getBoundingClientRect().height)")
    assert await page.evaluate("document.querySelector('iframe').clientHeight") == height
    assert await inside.evaluate("(root) => root.scrollHeight - root.clientHeight") == 0
    await frame.locator("textarea").evaluate("(one) => { one.style.height = '900px'; }")
    await page.wait_for_function(f"() => document.querySelector('iframe').clientHeight > {height}")
    await frame.locator("textarea").evaluate("(one) => { one.style.height = ''; }")
    await page.wait_for_function(f"() => document.querySelector('iframe').clientHeight === {height}")
    await page.goto(f"{service.url}/comments?page_url={site.url}/&limit=1")
    await page.locator("article a:has(time)").click()
    await expect(page.locator(f"#comment-{comment_id}")).to_be_in_viewport()
    assert page.url.endswith(f"&around={comment_id}#comment-{comment_id}")
    await context.close()
