"""The demo as somebody meets it who has just typed `make run`: down to the desk, by the mailbox."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import launched
from tests.support.desk_browser import SCREEN, violations
from tests.support.processes import command, free_port
from tests.support.required_fields import REQUIRED, says_what_is_required
from tests.support.running import until


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[str]:
    settings = {"MODERATION_LISTEN": f"127.0.0.1:{free_port()}"}
    async with command("demo", environ=settings, folder=tmp_path) as process:
        await process.wait_for("Stop with Ctrl-C.")
        yield process.url


async def test_the_demo_leads_from_a_comment_to_the_desk_and_axe_finds_nothing_wrong(demo: str) -> None:
    async with launched() as browser:
        context = await browser.new_context(viewport=SCREEN, locale="it")
        page = await context.new_page()
        await page.goto(f"{demo}/demo")
        assert await violations(page) == []
        await page.get_by_label("Commento").fill("interessante…")
        await page.get_by_label("Nome").fill("Giuliana")
        await page.get_by_role("textbox", name="E-mail").fill("giuliana@example.com")
        await page.get_by_role("button", name="Invia commento").click()
        await expect(page.get_by_role("status")).to_contain_text("Grazie, il tuo commento è arrivato.")
        assert await violations(page) == []
        await page.get_by_role("status").get_by_role("link").click()
        await expect(page).to_have_url(f"{demo}/demo/mailbox")

        await page.goto(f"{demo}/desk")
        await page.get_by_label("E-mail").fill("anna@example.org")
        await page.get_by_role("button", name="Inviami un link").click()
        await expect(page.get_by_role("status")).to_be_visible()

        async def the_link_came() -> bool:
            await page.goto(f"{demo}/demo/mailbox")
            return bool(await page.get_by_role("link", name=re.compile("Il tuo link")).count())

        await until(the_link_came)
        assert await violations(page) == []
        await page.get_by_role("link", name=re.compile("Il tuo link")).click()
        await page.locator("pre a").click()
        await page.get_by_role("button", name="Accedi").click()
        await page.get_by_role("button", name="Approva").last.click()
        await expect(page.locator("article.decided")).to_have_count(1)
        await page.goto(f"{demo}/demo")
        await expect(page.get_by_role("heading", name="Una risposta a")).to_be_visible()
        assert await violations(page) == []
        await _every_way_shows_the_comment(page)


async def _every_way_shows_the_comment(page: Page) -> None:
    """Follow the ways to show comments, and write one more by the form of WordPress."""
    for link, heading in (("HTML nella pagina", "Un commento"), ("Widget", "Un commento")):
        await page.get_by_role("link", name=link).click()
        await expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        await expect(page.locator("article")).to_contain_text("interessante…")
        assert await violations(page) == []
    await page.get_by_role("link", name="Riquadro").click()
    await expect(page.frame_locator("iframe.comments").locator("article")).to_contain_text("interessante…")
    assert await violations(page) == []
    await page.get_by_role("link", name="Conteggi").click()
    await expect(page.get_by_role("link", name="Un commento", exact=True)).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("link", name="Modulo di WordPress").click()
    await expect(page.locator(".comment")).to_contain_text("interessante…")
    assert await violations(page) == []
    await page.get_by_label("Commento").fill("dal modulo di WordPress")
    await page.get_by_label("Nome").fill("Bruno")
    await page.get_by_label("E-mail").fill("bruno@example.com")
    await page.get_by_role("button", name="Invia commento").click()
    await expect(page.get_by_role("status")).to_contain_text("Grazie, il tuo commento è arrivato.")
    assert "/demo/wordpress?" in page.url
    await page.get_by_role("link", name="Solo i commenti").click()
    await expect(page.get_by_role("heading", name="Un commento a Chi siamo", exact=True)).to_be_visible()
    assert await violations(page) == []


async def test_required_fields_are_marked_and_a_line_says_so_in_every_language(demo: str) -> None:
    async with launched() as browser:
        for language in REQUIRED:
            context = await browser.new_context(viewport=SCREEN, locale=language)
            page = await context.new_page()
            for path in ("/demo", "/demo/widget"):
                await page.goto(f"{demo}{path}")
                await says_what_is_required(page, language)
            await context.close()
