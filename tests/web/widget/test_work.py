"""The widget's stamp, its trap, and the work that its browser does unseen for a comment that looks suspicious."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, Page, expect

from moderation_service.storage.engine.database import Database
from tests.conftest import Start
from tests.support.desk_browser import at_its_own_address
from tests.support.rows import assessed
from tests.support.running import Running, until
from tests.support.website import Website, website
from tests.support.widget import THANKS, Visitor

SPAM: Final = "[url=https://a.example]a[/url] https://b.example https://c.example"


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for what a browser does."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
async def site() -> AsyncIterator[Website]:
    """A website of this test alone."""
    async with website() as opened:
        yield opened


@pytest.fixture
async def service(start: Start, site: Website, tmp_path: Path) -> Running:
    """A service that screens."""
    sites = tmp_path / "website.toml"
    sites.write_text(site.sites(), encoding="utf-8")
    return await at_its_own_address(start, sites=str(sites))


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="it-IT")
    context.set_default_timeout(20_000)
    yield await context.new_page()
    await context.close()


async def reasons(database: Database) -> list[tuple[str, list[str]]]:
    return list((await assessed(database)).values())


@pytest.mark.parametrize("worker", ["of a blob", "forbidden"])
async def test_a_browser_does_the_work_that_it_is_asked_for_where_the_page_forbids_workers_too(
    service: Running, site: Website, page: Page, database: Database, worker: str
) -> None:
    is_allowed = worker == "of a blob"
    site.embed(service.url, trusted_types=not is_allowed)
    if is_allowed:
        site.policy += "; worker-src blob:"
    asked: list[str] = []
    workers: list[str] = []
    page.on("request", lambda one: asked.append(one.url.removeprefix(service.url)))
    page.on("worker", lambda one: workers.append(one.url))
    await page.goto(site.url)
    visitor = Visitor(page)
    await visitor.fill(body=SPAM)
    await until(lambda: any(one.startswith("/api/v1/stamp?") for one in asked))
    assert "/embed/work.js" not in asked
    await visitor.button.click()
    await expect(visitor.note).to_have_text(THANKS)

    async def is_proved() -> bool:
        [(verdict, found)] = await reasons(database)
        return verdict == "pending" and found[-1] == "work_done"

    await until(is_proved)
    assert asked.count("/embed/work.js") == 1
    assert [one.partition(":")[0] for one in workers] == ["blob"] * is_allowed
    await expect(visitor.note).to_have_text(THANKS)


async def test_a_program_that_fills_every_field_falls_into_the_trap_and_a_person_cannot(
    service: Running, site: Website, page: Page, database: Database
) -> None:
    site.embed(service.url)
    await page.goto(site.url)
    trap = page.locator("input.trap")
    await expect(page.get_by_role("textbox")).to_have_count(4)
    await Visitor(page).fill()
    await until(partial(trap.get_attribute, "name"))
    for _ in range(8):
        await page.keyboard.press("Tab")
        assert not await trap.evaluate("(one) => one.getRootNode().activeElement === one")
    box = await trap.bounding_box()
    assert box is not None
    hit = "([x, y]) => document.elementFromPoint(x, y)?.shadowRoot?.elementFromPoint(x, y)?.className"
    assert await page.evaluate(hit, [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]) != "trap"
    await trap.evaluate("(one) => { one.value = 'https://spam.example'; }")
    await Visitor(page).button.click()
    await expect(Visitor(page).note).to_have_text(THANKS)
    [(_, found)] = await reasons(database)
    assert found[0] == "honeypot"
