"""A real browser: Debian's Chromium where it is installed, else the one that Playwright downloaded."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, Request, async_playwright, expect

from tests.support.time_limits import PATIENCE

expect.set_options(timeout=PATIENCE * 1_000)

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_CUT_OFF = "net::ERR_ABORTED"
"""What a browser says of a request that it gave up itself, since it went to another page meanwhile."""

_MISSING = "no browser: neither Debian's chromium nor Playwright's own; tests/support/install_browser.sh gets one"


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """Start a browser. Without any, fail where CI is set, and skip elsewhere."""
    async with async_playwright() as playwright:
        path = _find(playwright.chromium.executable_path)
        browser = await playwright.chromium.launch(executable_path=path, args=_FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


def _find(playwrights: str) -> str:
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium") or playwrights
    if not Path(path).exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(_MISSING)
    return path


@asynccontextmanager
async def opened(
    browser: Browser, *, width: int = 1280, language: str = "it-IT", scheme: str = "light"
) -> AsyncIterator[Page]:
    """Open a page without JavaScript; fail if it asked anybody but this machine, or broke its own policy."""
    context = await browser.new_context(
        viewport={"width": width, "height": 844},
        locale=language,
        color_scheme=scheme,  # type: ignore[arg-type]
        java_script_enabled=False,
    )
    complaints: list[str] = []
    page = await context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: complaints.append(f"asked {request.url}") if _is_foreign(request) else None)
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    try:
        yield page
        unexpected = [text for text in complaints if "status of 4" not in text and _CUT_OFF not in text]
    finally:
        await context.close()
    assert not unexpected, unexpected


def _is_foreign(request: Request) -> bool:
    address = urlsplit(request.url)
    return address.scheme in {"http", "https"} and address.hostname not in {"127.0.0.1", "localhost"}
