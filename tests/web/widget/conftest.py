"""One service and one website for all tests of the widget; each test has pages of its own on it."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Page

from tests.support.running import Running
from tests.support.website import Website
from tests.support.widget import a_page
from tests.support.widget_stage import Stage, staged

SHARED: Final = "package"


@pytest.fixture(scope=SHARED)
async def stage(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("widget")
    for ending in ("", ".writers"):
        shutil.copy(f"{migrated_file}{ending}", folder / f"test.db{ending}")
    async with staged(folder) as opened:
        yield opened


@pytest.fixture(scope=SHARED)
def _numbers() -> Iterator[int]:
    return iter(range(1_000_000))


@pytest.fixture
def service(stage: Stage) -> Running:
    return stage.service


@pytest.fixture
def http(stage: Stage) -> ClientSession:
    return stage.http


@pytest.fixture
def site(stage: Stage, _numbers: Iterator[int]) -> Website:
    """The website; all have the widget on pages that no other test has seen."""
    for one in (stage.site, stage.asking, stage.routed, stage.stranger):
        one.begin_at(f"/t{next(_numbers)}")
        one.embed(stage.service.url)
    return stage.site


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with a_page(browser) as opened:
        yield opened
