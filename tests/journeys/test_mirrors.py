"""Mirrors of a site, made by the example of the documentation: however they came about, all end the same."""

import asyncio
import importlib.util
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from moderation_service import config
from tests.conftest import Clock, Start
from tests.support.contract import client_of
from tests.support.factories import PAGE, bearer
from tests.support.posting import decide, post, published
from tests.support.processes import ROOT
from tests.support.running import Running, running, until

EXAMPLE = ROOT / "docs" / "examples" / "mirror.py"


def load_example() -> Any:
    spec = importlib.util.spec_from_file_location("mirror", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def run(service: Running, file: Path) -> dict[str, tuple[str, Any]]:
    """Let the example bring a file up to date; what it holds then."""
    await asyncio.to_thread(load_example().mirror, service.url, "coop", str(file))
    return mirrored(file)


def mirrored(file: Path) -> dict[str, tuple[str, Any]]:
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("SELECT id, page_url, comment FROM comments").fetchall()
    return {row[0]: (row[1], json.loads(row[2])) for row in rows}


async def shown(http: ClientSession, *pages: str) -> dict[str, tuple[str, Any]]:
    """What readers of the pages see."""
    found: dict[str, tuple[str, Any]] = {}
    for page in pages:
        listed = await (await http.get("/api/v1/comments", params={"page_url": page, "limit": "200"})).json()
        found |= {one["id"]: (listed["page_url"], one) for one in listed["comments"]}
    return found


async def test_mirrors_of_all_from_today_and_after_a_week_hold_the_same(
    start: Start, clock: Clock, tmp_path: Path
) -> None:
    service = await start(clock=clock, screening="off")
    always, away, today = (tmp_path / f"{name}.db" for name in ("always", "away", "today"))
    async with client_of(service.url) as http:
        first = [await published(http, body=f"il primo giorno {number}") for number in range(3)]
        assert set(await run(service, always)) == set(await run(service, away)) == set(first)
        for day in range(7):
            clock.advance(days=1)
            await published(http, body=f"giorno {day}", page_url=f"{PAGE}/{day % 2}")
            await post(http, body=f"mai approvato {day}")
            await run(service, always)
        await decide(http, "reject", first[0])
        moved = {"pages": [{"page_url": f"{PAGE}/1", "move_to": f"{PAGE}/nuova"}]}
        assert (await http.post("/api/v1/moderation/pages", json=moved, headers=bearer())).status == 200
        expected = await shown(http, PAGE, f"{PAGE}/0", f"{PAGE}/nuova")
        assert len(expected) == 2 + 7
        for file in (always, away, today):
            assert await run(service, file) == expected, file
        assert "mai approvato" not in str(today.read_bytes())
        with closing(sqlite3.connect(today)) as database:
            assert dict(database.execute("SELECT * FROM titles"))[PAGE] == "Chi siamo"


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_mirror_of_a_database_that_was_restored_begins_again(
    environ: dict[str, str], clock: Clock, tmp_path: Path
) -> None:
    settings = config.read(environ | {"MODERATION_SCREENING": "off"})
    met, today = tmp_path / "met.db", tmp_path / "today.db"
    async with running(settings, clock) as service, client_of(service.url) as http:
        kept = await published(http)
    shutil.copyfile(tmp_path / "test.db", tmp_path / "copy.db")
    async with running(settings, clock) as service, client_of(service.url) as http:
        lost = [await published(http, body=f"perso {number}") for number in range(2)]
        assert set(await run(service, met)) == {kept, *lost}
    shutil.copyfile(tmp_path / "copy.db", tmp_path / "test.db")
    async with running(settings, clock) as service, client_of(service.url) as http:
        for number in range(3):
            await published(http, body=f"dopo {number}")
        expected = await shown(http, PAGE)
        assert not set(lost) & set(expected)
        assert await run(service, met) == await run(service, today) == expected


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_mirror_that_follows_has_each_change_as_it_is_made(
    http: ClientSession, service: Running, tmp_path: Path
) -> None:
    file = tmp_path / "mirror.db"
    child = await asyncio.create_subprocess_exec(
        "python3", str(EXAMPLE), service.url, "coop", str(file), "follow", stderr=asyncio.subprocess.PIPE
    )
    try:
        await until(lambda: len(service.container.web.followers) == 1)
        comment_id = await published(http)
        await until(lambda: set(mirrored(file)) == {comment_id})
        await decide(http, "reject", comment_id)
        await until(lambda: mirrored(file) == {})
        assert child.returncode is None
    finally:
        child.kill()
        await child.communicate()
