"""The demo as somebody meets it who has just typed `make run`: down to the desk, by the mailbox."""

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession
from playwright.async_api import expect

from tests.browser import launched
from tests.desk_browser import SCREEN, violations


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    root = Path(__file__).parent.parent
    environ = os.environ | {"MODERATION_LISTEN": listen, "PYTHONPATH": str(root)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "moderation_service", "demo", cwd=tmp_path, env=environ
    )
    try:
        async with ClientSession() as http, asyncio.timeout(30):
            while True:
                try:
                    await http.get(f"http://{listen}/health/live")
                    break
                except ClientError:
                    await asyncio.sleep(0.05)
        yield f"http://{listen}"
    finally:
        process.terminate()
        await process.wait()


async def test_the_demo_leads_from_a_comment_to_the_desk_and_axe_finds_nothing_wrong(demo: str) -> None:
    async with launched() as browser:
        context = await browser.new_context(viewport=SCREEN, locale="it")  # type: ignore[arg-type]
        page = await context.new_page()
        await page.goto(f"{demo}/demo")
        assert await violations(page) == []
        await page.get_by_label("Commento").fill("interessante…")
        await page.get_by_label("Nome").fill("Giuliana")
        await page.get_by_label("E-mail").fill("giuliana@example.com")
        await page.get_by_role("button", name="Invia il commento").click()
        await expect(page.get_by_role("status")).to_be_visible()
        assert await violations(page) == []

        await page.goto(f"{demo}/desk")
        await page.get_by_label("E-mail").fill("anna@example.org")
        await page.get_by_role("button", name="Mandami un link").click()
        await expect(page.get_by_role("status")).to_be_visible()
        async with asyncio.timeout(20):
            while not await page.get_by_role("link", name=re.compile("Il tuo link")).count():
                await page.goto(f"{demo}/demo/mailbox")
        assert await violations(page) == []
        await page.get_by_role("link", name=re.compile("Il tuo link")).click()
        await page.locator("pre a").click()
        await page.get_by_role("button", name="Entra").click()
        await page.get_by_role("button", name="Approva").last.click()
        await expect(page.locator("article.decided")).to_have_count(1)
        await page.goto(f"{demo}/demo")
        await expect(page.get_by_role("heading", name="Una risposta a")).to_be_visible()
        assert await violations(page) == []
        for link in ("Con il widget", "Solo i commenti"):
            await page.get_by_role("link", name=link).click()
            await expect(page.get_by_role("heading", name="Una risposta a")).to_be_visible()
            await expect(page.locator("article")).to_contain_text("interessante…")
            assert await violations(page) == []
