"""A real Chromium, for tests of the desk."""

from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import BrowserContext, Page, ViewportSize

from tests.support.desk import mailed_login
from tests.support.processes import free_port
from tests.support.running import Running
from tests.support.smtp import MailServer

PHONE: ViewportSize = {"width": 390, "height": 844}
SCREEN: ViewportSize = {"width": 1280, "height": 900}
SMALL_TARGETS = """() => [...document.querySelectorAll(
  "button, select, input:not([type=hidden]), summary, label.tick"
)]
  .filter((one) => one.checkVisibility() && !one.matches("label.tick input"))
  .filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""
"""What can be pressed and is smaller than a thumb."""

_OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules of axe-core that ask how a page is coloured; for all others it is the same in both schemes."""

_VIOLATIONS = """async (rules) => {
  const asked = { resultTypes: ["violations"], ...(rules && { runOnly: rules }) };
  const found = await axe.run(asked);
  return found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html}`));
}"""


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


async def violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds wrong with a page, by rule and element; by some rules, or by all."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    found: list[str] = await page.evaluate(_VIOLATIONS, rules)
    return found


async def violations_in_both_schemes(page: Page) -> list[str]:
    """What axe-core finds wrong with a page that is light or dark; it is left as it was.

    Its context asks for reduced motion: what moves from one colour to the other has the wrong one meanwhile.
    """
    is_dark = await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    found = []
    schemes: tuple[Literal["dark", "light"], ...] = ("light", "dark") if is_dark else ("dark", "light")
    for scheme, rules in zip(schemes, (_OF_COLOURS, None), strict=True):
        await page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {one}" for one in await violations(page, rules)]
    return found
