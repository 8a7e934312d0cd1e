"""Whether a moderator finds the buttons at once: by their colours, at their place, in reach under any text."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from tests.conftest import Start
from tests.support.desk import a_comment, cookieless
from tests.support.desk_browser import at_its_own_address, enter_desk
from tests.support.running import Running, until
from tests.support.smtp import MailServer

WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 380, "height": 800}
DECISIONS = ("approve", "reject", "spam")
LONG = "Una frase che non finisce mai. " * 600


@pytest.fixture
async def place(tmp_path: Path) -> str:
    """One engine is enough for what a browser shows."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
async def desk(start: Start) -> Running:
    return await at_its_own_address(start, screening="off")


@pytest.fixture
async def http(desk: Running) -> AsyncIterator[ClientSession]:
    async with cookieless(desk.url) as session:
        yield session


async def a_page(browser: Browser, viewport: ViewportSize, scheme: Any = "light") -> Page:
    context = await browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    return await context.new_page()


async def height_of(element: Locator) -> float:
    box = await element.bounding_box()
    assert box
    return box["height"]


async def style_of(element: Locator, name: str) -> str:
    return str(await element.evaluate("(one, name) => getComputedStyle(one)[name]", name))


async def mailed(smtp: MailServer, body: str) -> str:
    """Return the link to approve of the mail about a comment, without the decision at its end."""
    await until(lambda: any(body in mail.text() for mail in smtp.to("anna@example.org")))
    [mail] = [mail for mail in smtp.to("anna@example.org") if body in mail.text()]
    return mail.link("/approve").removesuffix("/approve")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_three_decisions_differ_by_their_colours(
    browser: Browser, http: ClientSession, smtp: MailServer, scheme: str
) -> None:
    await a_comment(http)
    link = await mailed(smtp, "interessante")
    page = await a_page(browser, WIDE, scheme)
    filled, signs = {}, {}
    for decision in DECISIONS:
        await page.goto(f"{link}/{decision}")
        button = page.locator(f"button.{decision}.full")
        filled[decision] = await style_of(button, "backgroundColor")
        others = page.locator(".row-of button")
        assert await others.count() == 2
        for other in await others.all():
            assert await style_of(other, "backgroundColor") not in filled.values()
            [name] = set((await other.get_attribute("class") or "").split()) & set(DECISIONS)
            signs[name] = await style_of(other.locator(".sign"), "color")
    assert len(set(filled.values())) == len(set(signs.values())) == 3

    page = await enter_desk(page.context, http, smtp)
    for place in (page.locator("article[data-id] .acts"), page.locator(".bar .acts")):
        for decision in DECISIONS:
            await page.mouse.move(0, 0)
            button = place.locator(f"button.{decision}")
            assert await style_of(button.locator(".sign"), "color") == signs[decision]
            await button.hover()
            assert await style_of(button, "backgroundColor") == filled[decision]


async def in_reach(buttons: Locator, count: int) -> bool:
    """Whether so many buttons can be pressed where the page is scrolled to: in sight, and under nothing."""
    boxes = await buttons.evaluate_all(
        """(all) => all.filter((one) => one.checkVisibility()).map((one) => {
          const { left, right, top, bottom } = one.getBoundingClientRect();
          const above = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
          return top >= 0 && bottom <= innerHeight && left >= 0 && right <= innerWidth && one.contains(above);
        })"""
    )
    return len(boxes) == count and all(boxes)


async def scroll(page: Page, share: float) -> None:
    await page.evaluate("(share) => scrollTo(0, share * (document.body.scrollHeight - innerHeight))", share)


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_buttons_stay_in_reach_under_a_text_of_many_screens(
    browser: Browser, http: ClientSession, smtp: MailServer, viewport: ViewportSize
) -> None:
    comment_id = await a_comment(http, body=f"lungo {LONG}")
    await smtp.wait_for(2)
    link = await mailed(smtp, "lungo")
    page = await a_page(browser, viewport)
    await page.goto(f"{link}/approve")
    assert await page.evaluate("document.body.scrollHeight / innerHeight") > 2
    for share in (0, 0.3, 0.6):
        await scroll(page, share)
        assert await in_reach(page.locator("button.full"), 1), share

    page = await enter_desk(page.context, http, smtp)
    buttons = page.locator(f"#c-{comment_id} .acts button[data-do]")
    assert await in_reach(buttons, 3)
    await page.locator(f"#c-{comment_id} .long summary").click()
    assert await page.evaluate("document.body.scrollHeight / innerHeight") > 2
    for share in (0, 0.3, 0.6):
        await scroll(page, share)
        assert await in_reach(buttons, 3), share

    await page.goto(page.url.partition("/desk")[0] + f"/desk/comments/{comment_id}")
    for share in (0, 0.3, 0.6):
        await scroll(page, share)
        assert await in_reach(page.locator(".foot button[data-do]"), 3), share


async def test_a_card_is_one_line_of_facts_over_its_text_and_one_line_when_it_is_decided(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    usual = await a_comment(http, author_name="Giuliana")
    long = await a_comment(http, author_name="Nome " * 40, page_title="Titolo " * 60, body="numero due")
    page = await enter_desk((await a_page(browser, WIDE)).context, http, smtp)
    for comment_id in (usual, long):
        facts = page.locator(f"#c-{comment_id} .meta")
        assert await facts.locator("h2, time, .page, .address").count() == 4
        middles = await facts.locator("h2, time, .page, .address").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect()).map(({ top, bottom }) => (top + bottom) / 2)"
        )
        assert max(middles) - min(middles) < 6
        assert await height_of(facts) < 32
    card = page.locator(f"#c-{usual}")
    before = await height_of(card)
    await card.locator("button[data-do=approve]").click()
    await expect(card).to_have_class(re.compile("decided"))
    after = await height_of(card)
    assert after <= 44 < before


async def test_all_of_three_hundred_are_decided_and_taken_back_by_one_press_each(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    for number in range(300):
        await a_comment(http, author_name=f"Nome {number}", body=f"numero {number}")
    page = await enter_desk((await a_page(browser, WIDE)).context, http, smtp, "paul@example.org")
    await expect(page.locator("h1")).to_have_text("Pending: 300")
    await page.locator("#all input").check()
    await expect(page.locator("#selected")).to_have_text("50 selected")
    await page.get_by_role("link", name="Select all 300").click()
    await expect(page.locator(".bar")).to_contain_text("All 300 selected")
    await page.locator(".bar button.spam").click()
    await expect(page.get_by_role("heading", name="Mark 300 comments as spam?")).to_be_visible()
    await expect(page.locator("main")).to_contain_text(re.compile(r"and 29\d more"))
    await page.get_by_role("button", name="Mark as spam").click()
    progress = page.locator(".bulks .done")
    await expect(progress).to_have_count(1)
    await expect(page.locator("h1")).to_have_text("Pending: 0")
    await expect(progress.locator("[data-count^='bulk:']")).to_contain_text("300 comments")
    await progress.get_by_role("button", name="Undo").click()
    await expect(page.locator("[data-count='state:spam']")).not_to_have_text("300")
    await expect(page.locator("h1")).to_have_text("Pending: 300")
    await expect(progress).to_have_count(0)


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_what_decides_all_stands_in_the_middle_of_its_bar_and_has_room_for_a_thumb(
    browser: Browser, http: ClientSession, smtp: MailServer, viewport: ViewportSize
) -> None:
    for number in range(3):
        await a_comment(http, body=f"numero {number}")
    page = await enter_desk((await a_page(browser, viewport)).context, http, smtp)
    for path in ("/desk?scope=all", "/desk"):
        await page.goto(page.url.partition("/desk")[0] + path)
        if path == "/desk":
            await page.locator(".row .pick input").first.check()
        bar = await page.locator(".bar").bounding_box()
        boxes = [await one.bounding_box() for one in await page.locator(".bar .acts button").all()]
        assert bar
        assert len(boxes) == 3
        for box in boxes:
            assert box
            above, below = box["y"] - bar["y"], bar["y"] + bar["height"] - box["y"] - box["height"]
            assert min(above, below) >= 5
            if viewport is WIDE:
                assert abs(above - below) <= 1
                assert box["height"] >= 32
            else:
                assert box["height"] >= 44
