"""How the widget looks on pages of others: alignment, size of text, the ring of the focus, and notes."""

from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Locator, Page, expect

from tests.support.desk_browser import SCREEN
from tests.support.required_fields import REQUIRED, says_what_is_required
from tests.support.running import Running
from tests.support.website import Website
from tests.support.widget import NARROW, THANKS, Visitor, a_page, published, tab_to

LEFT_OF_TEXT = """(one) => {
  const range = document.createRange();
  range.selectNodeContents(one);
  return range.getBoundingClientRect().left;
}"""
FONT_SIZE = "(one) => parseFloat(getComputedStyle(one).fontSize)"
CONTRASTS = """(note) => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const brightness = ([red, green, blue]) => [red, green, blue].map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
  const page = channels(getComputedStyle(document.documentElement).backgroundColor);
  const contrast = (color) => {
    const [high, low] = [brightness(channels(color)), brightness(page)].sort((one, other) => other - one);
    return (high + 0.05) / (low + 0.05);
  };
  const style = getComputedStyle(note);
  return {
    ground: style.backgroundColor,
    text: Math.min(...[note, ...note.querySelectorAll("div, strong")]
      .map((one) => contrast(getComputedStyle(one).color))),
    edge: contrast(style.borderInlineStartColor),
    sign: contrast(getComputedStyle(note.querySelector("svg")).stroke),
  };
}"""
SWITCHING = "<style>html{background:#fff;color:#222}html.dark{background:#17191c;color:#eee}</style>"


def styled(site: Website, style: str) -> None:
    """Give the website a style of its own."""
    site.head = style
    site.policy = site.policy.replace("script-src", "style-src 'unsafe-inline'; script-src")


async def left_of(element: Locator) -> float:
    await expect(element).to_be_visible()
    box = await element.bounding_box()
    assert box
    return box["x"]


async def thread(http: ClientSession, site: Website, depth: int) -> list[str]:
    """Publish comments that each answer the one before, down to a depth."""
    ids: list[str] = []
    for number in range(depth + 1):
        parent = {"parent_id": ids[-1]} if ids else {}
        ids.append(await published(http, site, author_name=f"Nome {number}", body=f"testo {number}", **parent))
    return ids


@pytest.mark.parametrize("options", [{}, {"viewport": NARROW, "has_touch": True}], ids=["mouse", "finger"])
async def test_the_words_of_a_comment_begin_one_below_the_other(
    browser: Browser, http: ClientSession, site: Website, options: dict[str, Any]
) -> None:
    await thread(http, site, 2)
    async with a_page(browser, **options) as page:
        await page.goto(site.url)
        await expect(page.locator("article")).to_have_count(3)
        for article in await page.locator("article").all():
            text = await article.locator(".body p").evaluate(LEFT_OF_TEXT)
            for words in await article.locator("strong, .muted, .text > button").all():
                assert await words.evaluate(LEFT_OF_TEXT) == pytest.approx(text, abs=0.5)


async def test_the_focus_is_seen_as_a_ring_with_the_corners_of_what_it_surrounds(
    http: ClientSession, site: Website, page: Page
) -> None:
    await thread(http, site, 1)
    styled(site, "<style>:root{--comments-radius:12px}body{margin:40px}</style>")
    await page.goto(site.url)
    await expect(page.locator("article")).to_have_count(2)
    reply = page.get_by_role("button", name="Rispondi a Nome 1")
    for target in (reply, page.locator("#body"), page.locator("#author_name"), page.locator("button.first")):
        assert await target.evaluate("(one) => getComputedStyle(one).borderRadius") == "12px"
        await target.scroll_into_view_if_needed()
        await page.mouse.move(0, 0)
        box = await target.bounding_box()
        assert box
        corner = {"x": box["x"] - 5, "y": box["y"] - 5, "width": 3, "height": 3}
        edge = {"x": box["x"] - 5, "y": box["y"] + box["height"] / 2, "width": 3, "height": 3}
        before = [await page.screenshot(clip=clip) for clip in (corner, edge)]  # type: ignore[arg-type]
        await tab_to(page, target)
        assert await target.bounding_box() == box
        after = [await page.screenshot(clip=clip) for clip in (corner, edge)]  # type: ignore[arg-type]
        assert after[0] == before[0]
        assert after[1] != before[1]


async def test_text_has_the_size_of_the_pages_text(http: ClientSession, site: Website, page: Page) -> None:
    await thread(http, site, 1)
    styled(site, "<style>body{font-size:20px}</style>")
    await page.goto(site.url)
    await expect(page.locator("article")).to_have_count(2)
    for selector in ("article .body p", "article strong", "#body", "#author_name", "button.first"):
        assert await page.locator(selector).first.evaluate(FONT_SIZE) == 20, selector
    for selector in ("article time", "form .muted", "article .text > button", "label"):
        assert await page.locator(selector).first.evaluate(FONT_SIZE) >= 17, selector


@pytest.mark.parametrize("viewport", [SCREEN, NARROW], ids=["wide", "narrow"])
async def test_the_form_of_an_answer_is_as_deep_as_the_comment_above_it(
    browser: Browser, http: ClientSession, site: Website, viewport: dict[str, int]
) -> None:
    ids = await thread(http, site, 6)
    async with a_page(browser, viewport=viewport) as page:
        await page.goto(site.url)
        await expect(page.locator("article")).to_have_count(7)
        await page.get_by_role("button", name="Altre 3 risposte").click()
        await expect(page.locator(f"#comment-{ids[4]}")).to_be_focused()
        lefts = []
        for number, comment_id in enumerate(ids):
            article = page.locator(f"#comment-{comment_id}")
            await article.get_by_role("button", name=f"Rispondi a Nome {number}").click()
            await expect(page.locator("form")).to_have_accessible_name(f"Rispondi a Nome {number}")
            lefts.append(await left_of(article))
            assert await left_of(page.locator("form")) == lefts[-1]
        deepest = 5 if viewport is SCREEN else 3
        assert len(set(lefts)) == deepest + 1
        assert lefts == sorted(lefts)
        await Visitor(page).send(body="ancora più giù")
        assert await left_of(page.locator(".mine")) == lefts[deepest]


@pytest.mark.parametrize("language", REQUIRED)
async def test_fields_side_by_side_begin_in_one_line_however_long_their_labels_are(
    site: Website, service: Running, page: Page, language: str
) -> None:
    site.language = language
    site.embed(service.url)
    styled(site, "<style>body{font-size:20px}main{width:44rem}</style>")
    await page.goto(site.url)
    await expect(page.locator("#author_url")).to_be_visible()
    fields = page.locator("#author_name, #author_email, #author_url")
    tops = await fields.evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().top)")
    assert len(tops) == 3
    assert len(set(tops)) == 1


@pytest.mark.usefixtures("service")
async def test_thanks_and_refusals_are_told_apart_without_colours_and_legible_on_any_page(
    site: Website, page: Page
) -> None:
    styled(site, SWITCHING)
    await page.goto(site.url)
    visitor = Visitor(page)
    seen = []
    for body in ("", "interessante…"):
        await visitor.send(body=body)
        await expect(visitor.note).to_contain_text("Grazie" if body else "Controlla ciò che hai scritto.")
        shapes = await visitor.note.locator("svg path").evaluate_all("(all) => all.map((one) => one.outerHTML)")
        assert shapes
        seen.append((shapes, await visitor.note.locator("strong").text_content()))
        grounds = []
        for scheme in ("", "dark"):
            await page.evaluate("(scheme) => { document.documentElement.className = scheme; }", scheme)
            measured = await visitor.note.evaluate(CONTRASTS)
            grounds.append(measured["ground"])
            assert measured["text"] >= 4.5, (body, scheme)
            assert min(measured["edge"], measured["sign"]) >= 3, (body, scheme)
        assert set(grounds) == {"rgba(0, 0, 0, 0)"}
    (wrong, refused), (good, thanked) = seen
    assert wrong != good
    assert refused != thanked
    await expect(visitor.note).to_have_text(THANKS)


@pytest.mark.parametrize("language", REQUIRED)
async def test_required_fields_are_marked_and_a_line_says_so(
    http: ClientSession, site: Website, service: Running, page: Page, language: str
) -> None:
    await published(http, site)
    site.language = language
    site.embed(service.url)
    await page.goto(site.url)
    await expect(page.locator("article")).to_have_count(1)
    await says_what_is_required(page, language)
    await page.locator("article .text > button").click()
    await says_what_is_required(page, language)


async def test_a_website_sets_colours_font_density_and_parts_and_its_scheme_goes_along(
    http: ClientSession, site: Website, page: Page
) -> None:
    await thread(http, site, 0)
    properties = "--comments-font:monospace;--comments-density:2;--comments-color:rgb(1,2,3);--comments-radius:3px"
    rules = f"moderated-comments{{{properties}}}moderated-comments::part(submit){{letter-spacing:3px}}"
    styled(site, f"<style>{rules}html.dark{{color-scheme:dark}}</style>")
    await page.goto(site.url)
    for selector, name, value in (
        ("article", "fontFamily", "monospace"),
        ("article", "paddingTop", "28px"),
        ("article .body", "color", "rgb(1, 2, 3)"),
        ("button.first", "letterSpacing", "3px"),
        ("#body", "borderRadius", "3px"),
    ):
        found = await page.locator(selector).evaluate("(one, name) => getComputedStyle(one)[name]", name)
        assert found == value, (selector, name)
    await page.evaluate("document.documentElement.className = 'dark'")
    assert await page.locator("#remember").evaluate("(one) => getComputedStyle(one).colorScheme") == "dark"
