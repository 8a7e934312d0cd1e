"""Comments below pages of a website, and how a browser goes through them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Page, expect

from tests.support.cases import EVERY_COMBINATION
from tests.support.desk_browser import SCREEN
from tests.support.factories import API_KEY, a_submission, bearer
from tests.support.hostile import MARKUP
from tests.support.posting import COMMENTS, decide
from tests.support.website import Website

NARROW = {"width": 360, "height": 740}
WIDTH_FOR_AXE = {"it": NARROW["width"], "en": SCREEN["width"]}
THANKS = "Grazie, il tuo commento è arrivato. Sarà visibile a tutti dopo l’approvazione di un moderatore."


def is_for_axe(language: str, width: int) -> bool:
    """Tell whether axe-core looks at pages of a language and a width: in `make soak` at all, else at each once."""
    return EVERY_COMBINATION or WIDTH_FOR_AXE[language] == width


@asynccontextmanager
async def a_page(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """Open a page; its errors and those that its policy stopped fail the test."""
    context = await browser.new_context(**({"viewport": SCREEN, "locale": "it-IT"} | options))
    context.set_default_timeout(10_000)
    errors: list[str] = []
    context.on("weberror", lambda one: errors.append(str(one.error)))
    context.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
    opened = await context.new_page()
    opened.on("dialog", lambda one: errors.append(one.message))
    yield opened
    await context.close()
    assert [one for one in errors if "status of" not in one and "net::ERR_FAILED" not in one] == []


async def waiting_of(http: ClientSession, site: Website, key: str = API_KEY) -> list[dict[str, Any]]:
    """What waits for a moderator of a website's pages, the newest first."""
    query = {"status": "pending", "limit": "200"}
    answer = await http.get("/api/v1/moderation/comments", params=query, headers=bearer(key))
    found: list[dict[str, Any]] = (await answer.json())["comments"]
    return [one for one in found if urlsplit(one["page_url"]).path.startswith(site.path)]


class Visitor:
    """What a visitor does with the widget."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.note = page.locator(".note")
        self.button = page.get_by_role("button", name="Invia commento")

    async def fill(self, body: str = "interessante…", email: str = "giuliana@example.com") -> None:
        await self.page.get_by_role("textbox", name="Commento").fill(body)
        await self.page.get_by_role("textbox", name="Nome").fill("Giuliana")
        await self.page.get_by_role("textbox", name="E-mail").fill(email)

    async def send(self, **filled: str) -> None:
        await self.fill(**filled)
        await self.button.click()

    async def kept(self, body: str) -> None:
        """Check that nothing was lost."""
        await expect(self.page.get_by_role("textbox", name="Commento")).to_have_value(body)
        await expect(self.page.get_by_role("textbox", name="Nome")).to_have_value("Giuliana")


async def published(http: ClientSession, site: Website, path: str = "/", **changed: Any) -> str:
    answer = await http.post(COMMENTS, json=a_submission(page_url=f"{site.url}{path}", **changed))
    assert answer.status == 202, await answer.text()
    comment_id: str = (await answer.json())["id"]
    await decide(http, "approve", comment_id)
    return comment_id


async def tab_to(page: Page, target: Any) -> None:
    """Press the tabulator until the element has the focus."""
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await target.evaluate("one => one.getRootNode().activeElement === one"):
            return
    pytest.fail(f"no way to {target} by keyboard")


async def talk(http: ClientSession, site: Website) -> None:
    """Publish a conversation of all that is hard to show."""
    parent = None
    for name, body in (
        ("Giuliana", MARKUP[0]),
        ("N" * 245, "parola" * 200),
        ("ליאת", "שלום " * 60),
        ("Ugo", MARKUP[1] + "\n\n```\n" + "codice lungo " * 30 + "\n```"),
        ("Lia", "https://www.example.org/" + "x" * 300),
        ("Ivo", "quinto"),
        ("Ada", "sesto"),
    ):
        parent = await published(
            http, site, author_name=name, body=body, parent_id=parent, author_url="https://a.example/"
        )
