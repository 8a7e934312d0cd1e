"""Every page in a real browser: what axe-core says of it, and room for the words of every language."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.conftest import Clock, Start
from tests.support.cases import EVERY_COMBINATION
from tests.support.desk import a_comment, cookieless, logins_to, mailed_login
from tests.support.desk_browser import at_its_own_address, violations
from tests.support.factories import PAGE, SITES
from tests.support.posting import decide
from tests.support.running import Running, until
from tests.support.smtp import MailServer

NARROW: ViewportSize = {"width": 380, "height": 800}
WIDE: ViewportSize = {"width": 1440, "height": 900}
LANGUAGES = ("de", "en", "es", "fr", "it")
DARK = {"fr", "it"}
SIZE_FOR_AXE = {"de": WIDE, "fr": NARROW}
"""Of which walk axe-core looks at each page, at which size: light and wide, dark and narrow."""

LONG_NAME = "Donaudampfschifffahrtsgesellschaftskapitän Anna-Maria"

WRONG = """(width) => {
  const wrong = [];
  const seen = (selector, within = document) => [...within.querySelectorAll(selector)]
    .filter((one) => one.checkVisibility() && !one.closest(".visually-hidden, [aria-hidden=true]"));
  const name = (one) => `${one.localName}.${one.className} ${one.textContent.trim().slice(0, 60)}`;
  if (document.documentElement.scrollWidth > width) wrong.push(`scrolls sideways by
    ${document.documentElement.scrollWidth - width}`);
  const pieces = "button, .button, h1, h2, h3, label, .tabs a, .links a, .target, summary, .band p, .note";
  for (const one of seen(pieces)) {
    if (one.matches(".cut, .cut *")) continue;
    for (const key of one.querySelectorAll("kbd")) key.hidden = true;
    if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0) wrong.push(`is clipped: ${name(one)}`);
    const box = one.getBoundingClientRect();
    if (!one.closest(".tabs") && (box.left < 0 || box.right > width + 0.5)) wrong.push(`is outside: ${name(one)}`);
  }
  for (const one of seen("button, .button")) {
    const { left, right } = one.getBoundingClientRect();
    const texts = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const around = texts.currentNode.parentElement;
      if (!texts.currentNode.data.trim() || !around.checkVisibility()) continue;
      if (around.closest(".visually-hidden, .cut, kbd")) continue;
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      const text = range.getBoundingClientRect();
      if (text.left < left + 2 || text.right > right - 2) wrong.push(`has no room for its words: ${name(one)}`);
    }
  }
  for (const one of seen(".whole")) {
    const box = one.getBoundingClientRect();
    if (box.right > width - 16) wrong.push(`is beyond its column: ${name(one)}`);
  }
  for (const column of seen("main.single, .nothing")) {
    const { left, right } = column.getBoundingClientRect();
    const { paddingLeft, paddingRight } = getComputedStyle(column);
    for (const one of seen("button, .button", column)) {
      const box = one.getBoundingClientRect();
      if (box.left < left + parseFloat(paddingLeft) - 0.5 || box.right > right - parseFloat(paddingRight) + 0.5)
        wrong.push(`is beyond its column: ${name(one)}`);
    }
  }
  for (const group of seen(".acts, .row-of, .foot")) {
    const tops = seen("button, a.button", group).map((one) => one.getBoundingClientRect().top);
    if (![0, 1, tops.length].includes(new Set(tops).size)) wrong.push(`a button stands alone: ${name(group)}`);
  }
  return wrong;
}"""

Check = Callable[[Page, str], Awaitable[None]]


@pytest.fixture
async def place(tmp_path: Path) -> str:
    """One engine is enough for what a browser shows."""
    return f"sqlite:///{tmp_path}/test.db"


async def started(start: Start, clock: Clock, tmp_path: Path, language: str) -> Running:
    """A service whose site and first moderator speak a language."""
    sites = SITES.replace('language = "it"', f'language = "{language}"', 1)
    path = tmp_path / "spoken.toml"
    path.write_text(sites, encoding="utf-8")
    return await at_its_own_address(start, clock=clock, screening="off", mail_interval="60", sites=str(path))


async def walk(running: Running, clock: Clock, smtp: MailServer, context: BrowserContext, check: Check) -> None:
    """Come to every page that there is, in every state that it has."""
    base = running.url
    async with cookieless(base) as http:
        page = await context.new_page()
        await public_pages(page, base, check)
        first = await a_comment(http, body="il primo viene solo", author_name=LONG_NAME)
        await until(lambda: smtp.to("anna@example.org"))
        await decision_pages(page, smtp.to("anna@example.org")[0].link("/approve"), check)
        await decide(http, "approve", first)
        await a_comment(http, body="una **risposta**", author_name="Piero", parent_id=first)
        for number in range(51):
            await a_comment(
                http, body=f"**numero** {number}: vedi https://a.example/{number}", author_name="Piero"
            )
        clock.advance(seconds=61)

        def all_links() -> list[str]:
            return [one for mail in smtp.to("anna@example.org") for one in mail.links() if one.endswith("/all")]

        await until(all_links)
        await page.goto(f"{base}/comments?page_url={PAGE}&reply_to={first}")
        await check(page, "thread")
        await page.evaluate("document.querySelector('#respond').noValidate = true")
        await page.locator("#respond button").click()
        await expect(page.locator("[aria-invalid=true]").first).to_be_visible()
        await check(page, "thread-refused")
        await report_pages(page, f"{base}/comments/{first}/report", check)
        await page.goto(smtp.to("anna@example.org")[0].link("/approve"))
        await expect(page.locator(".reported")).to_have_count(1)
        await check(page, "link-reported")
        await log_in_pages(page, base, http, smtp, clock, check)
        await desk_pages(page, base, check)
        await page.goto(all_links()[-1])
        await check(page, "digest-before")
        await page.locator("button.approve").click()
        await expect(page.locator(".band.approved")).to_be_visible()
        await check(page, "digest-after")
        await page.goto(all_links()[-1])
        await expect(page.locator(".band.info")).to_be_visible()
        await check(page, "digest-decided")


async def public_pages(page: Page, base: str, check: Check) -> None:
    for where, path, status in (
        ("front", "/", 200),
        ("documentation", "/docs", 200),
        ("log-in", "/desk", 200),
        ("log-in-void", "/desk/login/nothing", None),
        ("link-void", "/moderate/nothing/approve", None),
        ("missing", "/nowhere", 404),
        ("thread-without-page", "/comments", 422),
        ("thread-of-no-site", "/comments?page_url=https://foreign.example/", None),
        ("thread-empty", f"/comments?page_url={PAGE}", 200),
    ):
        answer = await page.goto(base + path)
        assert answer
        assert status in (None, answer.status), (where, answer.status)
        await check(page, where)


async def decision_pages(page: Page, link: str, check: Check) -> None:
    await page.goto(link)
    await check(page, "link-before")
    other = await page.context.new_page()
    await other.goto(link.replace("/approve", "/reject"))
    await page.locator("button.approve").click()
    await expect(page.locator("form[action=undo]")).to_have_count(1)
    await check(page, "link-after")
    await other.locator("button.reject").click()
    await expect(other.locator(".band[role=alert]")).to_be_visible()
    await check(other, "link-conflict")
    await other.close()
    await page.locator("form[action=undo] button").click()
    await expect(page.locator("button.approve")).to_be_visible()
    await check(page, "link-undone")


async def report_pages(page: Page, address: str, check: Check) -> None:
    await page.goto(address)
    await check(page, "report")
    await page.evaluate("document.querySelector('#report').noValidate = true")
    await page.locator("#report button").click()
    await expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    await check(page, "report-refused")
    await page.locator("#reason").select_option("insult")
    await page.locator("#explanation").fill("Das ist eine Beleidigung.\nUnd falsch ist es auch.")
    await page.locator("#report button").click()
    await expect(page.locator(".note[role=status]")).to_be_visible()
    await check(page, "report-sent")


async def log_in_pages(page: Page, base: str, http: Any, smtp: MailServer, clock: Clock, check: Check) -> None:
    await page.goto(f"{base}/desk")
    await page.locator("#email").fill("anna@example.org")
    await page.locator("form button").click()
    await expect(page.locator("[role=status]")).to_be_visible()
    await check(page, "log-in-asked")
    await until(lambda: logins_to(smtp, "anna@example.org"))
    old = set(logins_to(smtp, "anna@example.org")[-1]).pop()
    clock.advance(hours=2)
    await page.goto(old)
    await check(page, "log-in-expired")
    await page.goto(f"{base}{await mailed_login(http, smtp, 'anna@example.org')}")
    await check(page, "log-in-confirm")
    login = page.url
    await page.locator("form button").click()
    await page.wait_for_url("**/desk")
    used = await page.context.new_page()
    await used.goto(login)
    await check(used, "log-in-used")
    await used.close()


async def desk_pages(page: Page, base: str, check: Check) -> None:
    await page.goto(f"{base}/desk")
    await check(page, "desk")
    await page.locator(".row .pick input").first.check()
    await check(page, "desk-selected")
    await page.locator(".row button[data-do=reject]").first.click()
    await expect(page.locator(".row.decided")).to_have_count(1)
    await check(page, "desk-decided")
    await page.locator(".row.decided .gist").click()
    await page.wait_for_url("**/desk/comments/*")
    await check(page, "desk-comment")
    await page.locator(".block > summary").click()
    await page.locator(".block .tick input").last.check()
    await check(page, "desk-comment-block")
    await page.locator(".block button").click()
    await expect(page.locator(".note[role=status]")).to_be_visible()
    await check(page, "desk-comment-blocked")
    await page.goto(f"{base}/desk/blocks")
    await page.locator("#value").fill("…")
    await page.locator("main .card button").click()
    await expect(page.locator("[aria-invalid=true]")).to_be_visible()
    await check(page, "desk-blocks")
    await page.goto(f"{base}/desk/notifications")
    await page.locator("#quiet_from").select_option("22")
    await page.locator("main .card button").click()
    await expect(page.locator("[aria-invalid=true]")).to_be_visible()
    await check(page, "desk-notifications")
    await page.goto(f"{base}/desk?page_url={PAGE}&status=any")
    await check(page, "desk-filtered")
    await page.goto(f"{base}/desk?q=nulla")
    await check(page, "desk-nothing")
    await page.goto(f"{base}/desk?scope=all")
    await check(page, "bulk-selected")
    await page.locator(".bar button.spam").click()
    await expect(page.locator("[name=confirmed]")).to_have_count(1)
    await check(page, "bulk-asked")
    await page.locator("button[name=all]").click()
    await expect(page.locator(".bulks .done button")).to_be_visible()
    await check(page, "bulk-done")
    await page.locator(".bulks .done button").click()
    await expect(page.locator(".bulks")).to_have_count(0)


async def resize(page: Page, size: ViewportSize) -> None:
    """Show a page at a size, once it has all its styles."""
    await page.wait_for_load_state()
    await page.set_viewport_size(size)

    async def is_shown() -> bool:
        return bool(await page.evaluate("innerWidth") == size["width"])

    await until(is_shown)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_has_room_for_the_words_of_a_language_and_axe_finds_nothing_wrong(
    start: Start, clock: Clock, smtp: MailServer, browser: Browser, tmp_path: Path, language: str
) -> None:
    async def check(page: Page, where: str) -> None:
        for size in (WIDE, NARROW):
            await resize(page, size)
            assert await page.evaluate(WRONG, size["width"]) == [], (where, size)
            if EVERY_COMBINATION or SIZE_FOR_AXE.get(language) is size:
                assert await violations(page) == [], (where, size)

    running = await started(start, clock, tmp_path, language)
    scheme: Any = "dark" if language in DARK else "light"
    context = await browser.new_context(
        viewport=NARROW, locale=language, color_scheme=scheme, reduced_motion="reduce"
    )
    await walk(running, clock, smtp, context, check)
