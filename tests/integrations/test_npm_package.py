"""The npm package of packages/web in a site that is built with Vite and used in a browser."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, expect

from tests.support import npm_package
from tests.support.desk_browser import at_its_own_address
from tests.support.running import Running
from tests.support.website import Website, website
from tests.support.widget import a_page, published, waiting_of

USES = {
    "plain": ("/", "Commento", "Nome", "E-mail", "Invia commento", "Grazie"),
    "react": ("/react", "Kommentar", "Name", "E-Mail", "Kommentar senden", "Danke"),
    "vue": ("/vue", "Commentaire", "Nom", "E-mail", "Envoyer", "Merci"),
}

TAG = '<moderated-comments service="https://comments.example.net" page-url="/about">Comments</moderated-comments>'


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for what a browser shows."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
async def site() -> AsyncIterator[Website]:
    async with website() as opened:
        yield opened


@pytest.fixture
async def service(start: Callable[..., Awaitable[Running]], site: Website, tmp_path: Path) -> Running:
    sites = tmp_path / "website.toml"
    sites.write_text(site.sites(), encoding="utf-8")
    return await at_its_own_address(start, screening="off", sites=str(sites))


async def test_a_site_built_with_npm_shows_comments_and_takes_them_in_html_react_and_vue(
    service: Running, http: ClientSession, site: Website, browser: Browser, tmp_path: Path
) -> None:
    project = await npm_package.installed(await npm_package.packed(tmp_path / "npm"))
    site.built, tags, _ = await asyncio.gather(
        npm_package.built(project, service.url), npm_package.rendered(project), npm_package.checked(project)
    )
    assert [re.sub(r"<!--.*?-->", "", one) for one in tags] == [TAG, TAG]
    for name, (path, *_) in USES.items():
        await published(http, site, path, body=f"approvato, {name}")

    async with a_page(browser) as page:
        await page.goto(site.url)
        for name, (_, body, author, email, send, thanks) in USES.items():
            here = page.locator(f"#{name}")
            await expect(here.locator("article")).to_contain_text(f"approvato, {name}")
            await here.get_by_role("textbox", name=body).fill(f"nuovo, {name}")
            await here.get_by_role("textbox", name=author).fill("Giuliana")
            await here.get_by_role("textbox", name=email).fill("giuliana@example.com")
            await here.get_by_role("button", name=send).click()
            await expect(here.locator(".note")).to_contain_text(thanks)
        told = await page.evaluate("told")

    waiting = {one["body"]: one for one in await waiting_of(http, site)}
    for name, (path, *_) in USES.items():
        new = waiting[f"nuovo, {name}"]
        page_url = f"{site.url}{path}"
        assert new["page_url"] == page_url
        assert told[name] == [{"count": 1}, {"id": new["id"], "parent_id": None, "page_url": page_url}]
