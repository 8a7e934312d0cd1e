"""Blocking at the desk in a real browser: by keys, with a thumb, in the dark."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, expect

from tests.support.desk import a_comment, cookieless
from tests.support.desk_browser import PHONE, SMALL_TARGETS, at_its_own_address, enter_desk, violations
from tests.support.running import Running
from tests.support.smtp import MailServer


@pytest.fixture
async def place(tmp_path: object) -> str:
    """One engine is enough for what a browser shows."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
async def desk(start: Callable[..., Awaitable[Running]]) -> Running:
    return await at_its_own_address(start)


@pytest.fixture
async def http(desk: Running) -> AsyncIterator[ClientSession]:
    async with cookieless(desk.url) as session:
        yield session


async def test_a_domain_is_blocked_from_a_comment_by_keys_and_lifted_with_a_thumb(
    browser: Browser, desk: Running, http: ClientSession, smtp: MailServer
) -> None:
    comment = await a_comment(http, body="vedi https://www.spam.example/pillole e https://altro.example")
    context = await browser.new_context(viewport=PHONE, has_touch=True, color_scheme="dark", locale="en")
    page = await enter_desk(context, http, smtp, "paul@example.org")
    await page.goto(f"{desk.url}/desk/comments/{comment}")
    await page.locator(".block > summary").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("spam.example").focus()
    assert await page.evaluate(SMALL_TARGETS) == []
    await page.keyboard.press("Space")
    assert await violations(page) == []
    await page.get_by_label("Reason (only moderators see it)").fill("pills")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Blocked.")
    await page.get_by_role("link", name="See all blocks").click()
    await page.wait_for_url("**/desk/blocks")
    await expect(page.locator(".blocks li")).to_have_count(1)
    await expect(page.locator(".blocks li")).to_contain_text("spam.example")
    await expect(page.locator(".blocks li")).to_contain_text("pills")
    await page.get_by_label("Kind").select_option("network")
    await page.get_by_label("What is to be blocked").fill("everybody")
    await page.get_by_role("button", name="Block", exact=True).tap()
    await expect(page.get_by_label("What is to be blocked")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("What is to be blocked")).to_have_value("everybody")
    assert await page.evaluate(SMALL_TARGETS) == []
    assert await violations(page) == []
    await page.get_by_role("button", name="Lift").tap()
    await expect(page.get_by_text("The block is lifted.")).to_be_visible()
    await expect(page.locator(".blocks")).to_have_count(0)
