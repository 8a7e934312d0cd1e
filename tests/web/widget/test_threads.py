"""Threads in the widget: folded, paged, linked to, and as many of them as a page may have."""

import asyncio
from itertools import pairwise

from aiohttp import ClientSession
from playwright.async_api import Browser, Locator, Page, expect

from tests.support.desk_browser import violations
from tests.support.posting import decide, post
from tests.support.running import Running
from tests.support.website import Website
from tests.support.widget import a_page, published, tab_to

PHONE = {"width": 380, "height": 800}
BODY = "article:visible .body"


async def seed(http: ClientSession, url: str, parents: list[str | None]) -> list[str]:
    """Publish an answer to each parent; their ids, those with the same parent in order of time."""
    answers = [
        post(http, page_url=url, parent_id=parent, body=f"numero {n}", author_name=f"Nome {n}")
        for n, parent in enumerate(parents)
    ]
    ids = [one["id"] for one in await asyncio.gather(*answers)]
    await decide(http, "approve", *ids)
    return sorted(ids) if len(set(parents)) == 1 else ids


async def top_of(element: Locator) -> float:
    await expect(element).to_be_visible()
    box = await element.bounding_box()
    assert box
    return box["y"]


async def test_threads_are_paged_and_linked_comments_found_where_they_stand(
    http: ClientSession, site: Website, service: Running, page: Page
) -> None:
    roots = await seed(http, site.url, [None] * 53)
    [reply, *_] = await seed(http, site.url, [roots[0]])
    site.element(service.url)
    await page.route("**/api/v1/comments?*cursor=*", lambda route: route.abort(), times=1)
    await page.goto(site.url)
    await expect(page.locator("article")).to_have_count(51)
    await expect(page.get_by_role("heading", level=2)).to_have_text("54 commenti")
    await expect(page.locator(f"#comment-{roots[0]} + article")).to_have_id(f"comment-{reply}")
    await page.get_by_role("textbox", name="Commento").fill("intanto")
    more = page.get_by_role("button", name="Commenti successivi")
    await more.click()
    await expect(page.locator(".state")).to_contain_text("Non è stato possibile caricare i commenti.")
    last = page.locator(f"#comment-{roots[49]}")
    before = await top_of(last)
    await page.get_by_role("button", name="Riprova").click()
    await expect(page.locator("article")).to_have_count(54)
    await expect(page.locator(f"#comment-{roots[50]}")).to_be_focused()
    assert await top_of(last) <= before
    await expect(more).to_be_hidden()
    await expect(page.get_by_role("textbox", name="Commento")).to_have_value("intanto")

    # A link to a comment of a later page, as the page is opened and afterwards; then one that is not there.
    await page.goto("about:blank")
    await page.goto(f"{site.url}#comment-{roots[52]}")
    await expect(page.locator("article.target")).to_have_id(f"comment-{roots[52]}")
    await expect(page.locator("article.target")).to_be_in_viewport()
    await expect(page.locator("article.target")).to_be_focused()
    await expect(page.locator("article")).to_have_count(3)
    await page.evaluate("(id) => { location.hash = `comment-${id}`; }", reply)
    await expect(page.locator("article.target")).to_have_id(f"comment-{reply}")
    await page.evaluate("location.hash = 'comment-01a20000-0000-7000-8000-000000000000'")
    await page.locator("article .when").nth(1).click()
    await expect(page.locator("article.target")).to_have_id(f"comment-{reply}")
    assert await page.evaluate("location.hash") == f"#comment-{reply}"

    # Newest first, and back to the oldest.
    await page.get_by_role("button", name="Prima i più recenti").click()
    await expect(page.locator("article").first).to_have_id(f"comment-{roots[52]}")
    await page.get_by_role("button", name="Prima i più vecchi").click()
    await expect(page.locator("article").first).to_have_id(f"comment-{roots[0]}")
    time = page.locator("time").first
    await expect(time).to_have_text("ora")
    assert await time.evaluate("(one) => [one.title.length > 10, Date.parse(one.dateTime) > 0]") == [True, True]


async def test_long_threads_are_folded_and_a_link_opens_them(
    http: ClientSession, site: Website, service: Running, page: Page
) -> None:
    first, second = await seed(http, site.url, [None, None])
    replies = await seed(http, site.url, [first] * 205)
    site.element(service.url)
    await page.goto(site.url)
    shown = page.locator("article:visible")
    await expect(shown).to_have_count(5)
    unfold = page.get_by_role("button", name="Altre 202 risposte")
    below = await top_of(page.locator(f"#comment-{replies[2]}"))
    await unfold.press("Enter")
    await expect(shown).to_have_count(207)
    await expect(page.locator(f"#comment-{replies[3]}")).to_be_focused()
    await expect(page.locator(".unfold:visible")).to_have_count(0)
    assert await top_of(page.locator(f"#comment-{replies[2]}")) <= below
    ids = await shown.evaluate_all("(all) => all.map((one) => one.id.slice(8))")
    assert ids == [first, *replies, second]
    await page.goto("about:blank")
    await page.goto(f"{site.url}#comment-{replies[7]}")
    await expect(page.locator("article.target")).to_have_id(f"comment-{replies[7]}")
    await expect(page.locator("article.target")).to_be_in_viewport()
    await page.goto("about:blank")
    await page.goto(f"{site.url}#comment-{replies[204]}")
    await expect(page.locator("article.target")).to_have_id(f"comment-{replies[204]}")
    await page.get_by_role("button", name="Torna ai primi commenti").click()
    await expect(page.locator(f"#comment-{second}")).to_be_visible()


async def test_three_hundred_comments_eight_deep_are_read_by_keys_on_a_phone(
    browser: Browser, http: ClientSession, site: Website, service: Running
) -> None:
    level = await seed(http, site.url, [None] * 37)
    for _ in range(7):
        level = await seed(http, site.url, list(level))
    site.element(service.url)
    for direction in ("ltr", "rtl"):
        site.content = site.content.replace("<moderated-comments", f'<moderated-comments dir="{direction}"', 1)
        async with a_page(browser, viewport=PHONE, has_touch=True) as page:
            await page.goto(site.url)
            await expect(page.locator("article:visible")).to_have_count(37 * 4)
            assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            first = page.get_by_role("button", name="Altre 4 risposte").first
            await tab_to(page, first)
            await page.keyboard.press("Enter")
            await expect(page.locator("article:visible")).to_have_count(37 * 4 + 4)
            thread = page.locator(".thread").first.locator("article")
            boxes = [await one.bounding_box() for one in await thread.all()]
            edges = [box["x"] if direction == "ltr" else -(box["x"] + box["width"]) for box in boxes if box]
            assert len(edges) == 8
            assert all(one <= other for one, other in pairwise(edges))
            assert len(set(edges)) == 4
            await page.keyboard.press("Tab")
            assert await page.evaluate("document.activeElement.shadowRoot.activeElement.className") != ""
            assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            if direction == "ltr":
                assert await violations(page) == []


async def test_many_elements_of_one_page_find_a_linked_comment_each_for_itself(
    http: ClientSession, site: Website, service: Running, page: Page
) -> None:
    first, second = await asyncio.gather(published(http, site, "/uno"), published(http, site, "/due"))
    site.element(service.url, page_url=f"{site.url}/uno")
    site.content += f'<moderated-comments page-url="{site.url}/due"></moderated-comments>'
    await page.goto(f"{site.url}#comment-{second}")
    await expect(page.locator("article.target")).to_have_id(f"comment-{second}")
    await expect(page.locator(f"#comment-{first}")).to_be_visible()
