"""What a website shows: the fragment beside fixed bytes, and the widget beside isso's client in one browser."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

from playwright.async_api import Browser, Request

from bench import isso, servers
from bench.loader import run
from bench.seeding import seed
from bench.single import SECONDS, beside, fetched
from bench.table import Table
from tests.support.browser import launched

_COMMENTS = 20
_VISITS = 9
_PAGE = "/s0"
_NOTING = """
const isThere = () => document.querySelector("%s") ||
  [...document.querySelectorAll("*")].some((one) => one.shadowRoot && one.shadowRoot.querySelector("%s"));
const look = () => isThere() ? (window.firstComment = performance.now()) : requestAnimationFrame(look);
look();
"""
"""Notes when a comment can first be seen, in milliseconds since the visit began, to one frame."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """What a visit to a page came to until its first comment was seen; bytes as they crossed the wire."""

    milliseconds: float
    requests: int
    bytes: int


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    settings = servers.environ(folder, f"sqlite:///{folder}/ours.db", servers.free_port())
    seed(settings, pages=1, comments=_COMMENTS, approve=1)
    with servers.limits() as limit, servers.service(settings) as (url, _):
        fragment = f"/embed/comments.html?page_url=https://www.example.org{_PAGE}"
        html, _ = fetched(url + fragment)
        beside(
            table,
            f"GET of the fragment of {_COMMENTS} comments",
            partial(run, url, seconds=SECONDS, paths=(fragment,)),
            partial(run, limit, seconds=SECONDS, paths=(f"/fixed/{len(html)}",)),
            least=0.70,
        )
    with _website() as (origin, pages):
        sites = Path(settings["MODERATION_SITES"])
        text = sites.read_text(encoding="utf-8")
        preview = f'name = "Bench"\npreview_origins = ["{origin}"]'
        sites.write_text(text.replace('name = "Bench"', preview, 1), encoding="utf-8")
        with (
            servers.service(settings) as (ours, _),
            isso.running(folder / "isso", moderation=False, website=origin) as theirs,
        ):
            isso.comment(theirs, _COMMENTS)
            pages[_PAGE] = (
                f'<moderated-comments></moderated-comments><script src="{ours}/embed/comments.js" async></script>'
            )
            pages["/isso"] = (
                f'<section id="isso-thread" data-isso-id="{_PAGE}"></section>'
                f'<script data-isso="{theirs}/" src="{theirs}/js/embed.min.js" defer></script>'
            )
            asyncio.run(_compare(origin, table))


async def _compare(origin: str, table: Table) -> None:
    """Visit both pages in turns, each time with an empty cache."""
    async with launched() as browser:
        pairs = [
            (
                await _visit(browser, f"{origin}{_PAGE}", "article"),
                await _visit(browser, f"{origin}/isso", ".isso-comment"),
            )
            for _ in range(_VISITS)
        ]
    for what, unit in (("milliseconds", "ms"), ("requests", ""), ("bytes", "bytes")):
        ours, theirs = (median(getattr(pair[side], what) for pair in pairs) for side in (0, 1))
        table.note(
            f"widget's {what} until the first comment, cold cache",
            f"{ours:,.0f} {unit}".strip(),
            beside=f"isso {theirs:,.0f} {unit}".strip(),
            ratio=f"{ours / theirs:.2f}",
        )


async def _visit(browser: Browser, url: str, comment: str) -> _Visit:
    context = await browser.new_context(viewport={"width": 1280, "height": 844})
    page = await context.new_page()
    finished: list[Request] = []
    page.on("requestfinished", lambda one: finished.append(one))  # noqa: PLW0108 - it marks what it is given
    await page.add_init_script(_NOTING.replace("%s", comment))
    await page.goto(url)
    await page.wait_for_function("window.firstComment")
    at = await page.evaluate("window.firstComment")
    await page.wait_for_load_state("networkidle")
    sizes = [await one.sizes() for one in finished if not one.url.endswith("/favicon.ico")]
    await context.close()
    return _Visit(
        milliseconds=at,
        requests=len(sizes) - 1,
        bytes=sum(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes),
    )


@contextmanager
def _website() -> Iterator[tuple[str, dict[str, str]]]:
    """Serve the pages of a dict, by path, each with what stands in its body."""
    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = pages.get(self.path)
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(f'<!doctype html><html lang="en"><title>Chi siamo</title>{found}'.encode())

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", pages
    finally:
        server.shutdown()
        server.server_close()
