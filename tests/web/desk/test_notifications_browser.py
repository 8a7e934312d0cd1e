"""Choosing when to be told, in a real browser: by keys, with a thumb, in the dark."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, expect

from tests.support.desk import cookieless
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


async def test_a_moderator_chooses_by_keys_and_with_a_thumb(
    browser: Browser, desk: Running, http: ClientSession, smtp: MailServer
) -> None:
    context = await browser.new_context(viewport=PHONE, has_touch=True, color_scheme="dark", locale="en")
    page = await enter_desk(context, http, smtp, "paul@example.org")
    await page.goto(f"{desk.url}/desk/notifications")
    assert await page.evaluate(SMALL_TARGETS) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert await violations(page) == []
    await page.get_by_label("How often").focus()
    await page.keyboard.press("o")
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Time of the daily message")).to_be_focused()
    await page.get_by_label("Quiet hours from").select_option("22")
    await page.get_by_role("button", name="Save").tap()
    await expect(page.get_by_label("Quiet hours until")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("How often")).to_have_value("daily")
    assert await violations(page) == []
    await page.get_by_label("Quiet hours until").select_option("7")
    await page.get_by_role("button", name="Save").tap()
    await expect(page.get_by_role("status")).to_have_text("Saved.")
    await expect(page.get_by_label("Quiet hours until")).to_have_value("7")
