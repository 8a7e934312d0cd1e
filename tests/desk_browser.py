"""A real Chromium, for tests of the desk."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page

from tests.desk import mailed_login
from tests.processes import free_port
from tests.running import Running
from tests.smtp import MailServer

PHONE = {"width": 390, "height": 844}
SCREEN = {"width": 1280, "height": 900}


async def at_its_own_address(start: Callable[..., Any], **settings: Any) -> Running:
    """A service whose public address is where it listens."""
    port = free_port()
    running: Running = await start(listen=f"127.0.0.1:{port}", public_url=f"http://127.0.0.1:{port}", **settings)
    return running


async def enter_desk(
    context: BrowserContext, http: Any, smtp: MailServer, address: str = "anna@example.org"
) -> Page:
    """Log in as a person does: from the mail, by the button."""
    page = await context.new_page()
    parts = urlsplit(str(http._base_url))
    link = await mailed_login(http, smtp, address)
    await page.goto(f"{parts.scheme}://{parts.netloc}{link}")
    await page.locator("form button").click()
    await page.wait_for_url("**/desk")
    return page


async def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with a page, by rule and element."""
    found = await Axe().run(page)
    return [
        f"{violation['id']}: {node['html']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
