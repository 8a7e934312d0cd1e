"""A blog of 30,000 comments: moved in from WordPress, looked at in a browser, moved out, and in and out again.

`python -m bench blog`; the pictures stay in `build/`.
"""

import asyncio
import hashlib
import shutil
import time
from pathlib import Path

from bench import servers
from bench.databases import another, databases
from bench.moving import moderation_service, write_blog
from bench.table import Table
from tests.support.browser import launched

COMMENTS = 30_000
_PICTURES = servers.ROOT / "build"


def measure(folder: Path, table: Table) -> None:
    """Fill the table; raise AssertionError where what left twice is not the same."""
    _PICTURES.mkdir(exist_ok=True)
    file = folder / "blog.xml"
    write_blog(file, COMMENTS)
    for engine, database_url in databases(folder):
        place = folder / f"blog {engine}"
        place.mkdir()
        first = servers.environ(place, database_url, servers.free_port())
        second = first | {"MODERATION_DATABASE_URL": another(database_url)}
        out, again = place / "out.jsonl", place / "again.jsonl"
        site = ("--site", "bench")
        steps = (
            (first, ("migrate",)),
            (first, ("import", "wordpress", str(file), *site)),
            (first, ("audit",)),
            (first, ("export", *site, "--with-addresses", "--to", str(out))),
            (second, ("migrate",)),
            (second, ("import", "jsonl", str(out), *site)),
            (second, ("audit",)),
            (second, ("export", *site, "--with-addresses", "--to", str(again))),
            (second, ("export", *site, "--format", "wxr", "--to", str(place / "out.xml"))),
            (second, ("export", *site, "--format", "static", "--to", str(place / "static"))),
        )
        for settings, words in steps:
            seconds, megabytes = moderation_service(settings, *words)
            form = next((one for one in words if one in {"wordpress", "jsonl", "wxr", "static"}), "")
            named = f"{words[0]} {form}".strip()
            table.note(f"blog of {COMMENTS:,}: {named}, {engine}", f"{seconds:.1f} s, {megabytes:.0f} MB")
        lines = out.read_bytes().splitlines()
        comments = sum(b'"parent_id"' in line for line in lines)
        assert comments == COMMENTS, comments
        assert _digest(out) == _digest(again), "what left the second time is not what came"
        assert (place / "out.xml").read_text(encoding="utf-8").count("<wp:comment>") == COMMENTS
        _look(second, engine, table)
        shutil.rmtree(place)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _look(settings: dict[str, str], engine: str, table: Table) -> None:
    """Take a picture of the blog's first page of comments, and say how long it took to show."""
    with servers.service(settings) as (url, _):
        picture = _PICTURES / f"blog-{engine.lower()}.png"
        seconds = asyncio.run(_picture(f"{url}/comments?page_url=https://www.example.org/2010/post-0/", picture))
    table.note(f"blog of {COMMENTS:,}: a page in a browser, {engine}", f"{seconds:.1f} s", beside=picture.name)


async def _picture(url: str, picture: Path) -> float:
    async with launched() as browser:
        page = await browser.new_page(viewport={"width": 1280, "height": 1600})
        began = time.monotonic()
        answer = await page.goto(url)
        seconds = time.monotonic() - began
        assert answer is not None
        assert answer.status == 200, await page.content()
        await page.screenshot(path=picture)
        return seconds
