"""The commands that move comments in and out, as an owner uses them."""

import asyncio
import json
import re
import shlex
import signal
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from moderation_service.cli import main
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Outcome, Request
from moderation_service.services.operations import consistency
from moderation_service.storage.comments import comments as stored_comments
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments
from tests.conftest import Clock
from tests.support import office
from tests.support.cases import only_sqlite
from tests.support.factories import ADDRESS, OTHER_PAGE, PAGE
from tests.support.moving import comment, item, wxr
from tests.support.processes import ROOT, command
from tests.support.running import until


@pytest.fixture(autouse=True)
def operator(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


async def run(*words: str | Path, exit_code: int = 0, environ: dict[str, str] | None = None) -> Result:
    """Run a command in a thread, as it has a loop of its own."""
    result = await asyncio.to_thread(CliRunner().invoke, main, [str(one) for one in words], env=environ)
    assert result.exit_code == exit_code, result.output
    return result


def blog(folder: Path, count: int) -> Path:
    path = folder / "blog.xml"
    entries = [comment(str(one), comment_parent=str(one // 2)) for one in range(1, count + 1)]
    text = wxr(item(*entries)).replace("https://example.org/garden/", f"{PAGE}/garden/")
    path.write_text(text, encoding="utf-8")
    return path


async def test_what_was_taken_out_comes_in_elsewhere_and_is_taken_out_again_the_same(
    environ: dict[str, str], clock: Clock, tmp_path: Path, empty_database_url: str
) -> None:
    async with office.opened(environ, clock) as desk:
        ids = await desk.post(3)
        [reply] = await desk.post(parent_id=None, page_url=f"{PAGE}/other", page_title=None, body="- a\n- b")
        await desk.decide([*ids[:2], reply])
        answers = await desk.post(2, parent_id=ids[0])
        await desk.decide(answers[:1], Decision.SPAM)
        await desk.decide(answers[1:])
        await desk.answer(answers[1], "Grazie!")
    first, second, shown = tmp_path / "first.jsonl", tmp_path / "second.jsonl", tmp_path / "shown.jsonl"
    await run("export", "--site", "coop", "--to", first, "--with-addresses")
    await run("export", "--site", "coop", "--to", shown)
    assert ADDRESS in first.read_text(encoding="utf-8")
    assert ADDRESS not in shown.read_text(encoding="utf-8")
    assert first.stat().st_mode & 0o077 == 0
    there = environ | {"MODERATION_DATABASE_URL": empty_database_url}
    await run("migrate", environ=there)
    said = (await run("import", "jsonl", first, "--site", "coop", environ=there)).output
    assert "7 comments came in on 2 pages" in said
    assert first.read_text(encoding="utf-8").count('"by_site":true') == 1
    await run("export", "--site", "coop", "--to", second, "--with-addresses", environ=there)
    assert second.read_bytes() == first.read_bytes()
    assert "Already there: 7" in (await run("import", "jsonl", first, "--site", "coop")).output
    await run("audit", environ=there)


async def test_what_was_taken_out_of_texts_moves_with_them_and_is_in_nothing_that_is_published(
    environ: dict[str, str], clock: Clock, tmp_path: Path, empty_database_url: str
) -> None:
    secret = "4711"
    original = f"Chiamatemi al {secret} la sera."
    async with office.opened(environ, clock) as desk:
        shortened = await desk.post(2, body=original)
        await desk.decide(shortened[:1])
        for one in shortened:
            await decide(desk, "coop", Decision.REDACT, one, original.replace(secret, ""))
    files = {name: tmp_path / name for name in ("first.jsonl", "shown.jsonl", "second.jsonl", "out.xml")}
    await run("export", "--site", "coop", "--to", files["first.jsonl"], "--with-addresses")
    await run("export", "--site", "coop", "--to", files["shown.jsonl"])
    await run("export", "--site", "coop", "--format", "wxr", "--to", files["out.xml"])
    await run("export", "--site", "coop", "--format", "static", "--to", tmp_path / "static")
    for name in ("first.jsonl", "shown.jsonl"):
        _, *lines = map(json.loads, files[name].read_bytes().splitlines())
        assert [(one["original"]["body"], one["body"]) for one in lines] == [
            (original, "Chiamatemi al […] la sera.")
        ] * 2
    assert ADDRESS not in files["shown.jsonl"].read_text(encoding="utf-8")
    for path in (files["out.xml"], *(tmp_path / "static").iterdir()):
        assert secret not in path.read_text(encoding="utf-8")

    there = environ | {"MODERATION_DATABASE_URL": empty_database_url}
    await run("migrate", environ=there)
    await run("import", "jsonl", files["first.jsonl"], "--site", "coop", environ=there)
    await run("export", "--site", "coop", "--to", files["second.jsonl"], "--with-addresses", environ=there)
    assert files["second.jsonl"].read_bytes() == files["first.jsonl"].read_bytes()
    await run("audit", environ=there)
    async with office.opened(there, clock) as desk:
        assert secret not in str(await desk.changes_after(0))
        async with desk.database.read() as connection:
            kept = (await stored_comments.get_many(connection, shortened))[0].original
        assert kept is not None
        assert kept.body == original, "moderators see what they took out"
        await desk.undo(shortened)
        async with desk.database.read() as connection:
            found = {one.id: one for one in await stored_comments.get_many(connection, shortened)}
        assert [(found[one].status, found[one].body) for one in shortened] == [
            (Status.APPROVED, original),
            (Status.PENDING, original),
        ]


@only_sqlite
async def test_an_answer_whose_comments_got_other_ids_is_taken_down_with_the_decision_all_the_same(
    environ: dict[str, str], clock: Clock, tmp_path: Path
) -> None:
    async with office.opened(environ, clock) as desk:
        [asked] = await desk.post()
        _, answer = await desk.answer(asked, "Grazie!")
    file = tmp_path / "coop.jsonl"
    await run("export", "--site", "coop", "--to", file)
    file.write_text(file.read_text(encoding="utf-8").replace(PAGE, OTHER_PAGE), encoding="utf-8")
    said = (await run("import", "jsonl", file, "--site", "altro")).output
    assert "2 comments came in on 1 page" in said
    async with office.opened(environ, clock) as desk:
        async with desk.database.read() as connection:
            rows = (await connection.execute(select(comments).where(comments.c.site_id == "altro"))).all()
        ids = {row.by_site: row.id for row in rows}
        assert {asked, answer}.isdisjoint(ids.values())
        assert await decide(desk, "altro", Decision.UNDO, ids[False]) is Outcome.DONE
        async with desk.database.read() as connection:
            found = await stored_comments.get_many(connection, [*ids.values(), asked, answer])
        status = {one.id: one.status for one in found}
        assert (status[ids[False]], status[ids[True]]) == (Status.PENDING, Status.REJECTED)
        assert (status[asked], status[answer]) == (Status.APPROVED, Status.APPROVED), "of the other site"


async def decide(
    desk: office.Office, site_id: str, decision: Decision, comment_id: str, body: str | None = None
) -> Outcome:
    site = desk.container.directory.sites.get(site_id)
    assert site is not None
    asked = Request(comment_id=comment_id, decision=decision, expected=None, body=body)
    [result] = await desk.container.moderation.decide(site, [asked], actor=Actor(channel=Channel.API))
    return result.outcome


@only_sqlite
async def test_a_dry_run_a_run_and_a_second_run_say_what_they_do(database: Database, tmp_path: Path) -> None:
    file = blog(tmp_path, 40)
    said = (await run("import", "wordpress", file, "--site", "coop", "--dry-run")).output
    assert "40 entries read, 40 comments would come in on 1 page." in said
    said = (await run("import", "wordpress", file, "--site", "coop", "--as-pending")).output
    assert "  pending: 40\n  of these, published there and waiting here: 40\n" in said
    assert "Already there: 40" in (await run("import", "wordpress", file, "--site", "coop")).output
    assert not any((await consistency.differences(database)).values())


@only_sqlite
async def test_the_commands_of_the_document_move_a_blog_in_and_out(
    environ: dict[str, str], tmp_path: Path, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "moving-in.md").read_text(encoding="utf-8")
    moving_in, leaving = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    blog(tmp_path, 6)
    there = environ | {"MODERATION_DATABASE_URL": empty_database_url}
    for line in (moving_in + leaving).splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "moderation-service"
        said = (await run(*words, environ=there)).output
        if "wordpress" in words:
            assert "6 comments would come in" in said if "--dry-run" in words else "6 comments came in" in said
    assert b"ada@example.org" in (tmp_path / "coop.jsonl").read_bytes()
    assert (tmp_path / "coop.xml").read_text(encoding="utf-8").count("<wp:comment>") == 6
    assert (tmp_path / "comments" / "index.json").exists()


@only_sqlite
async def test_answers_of_the_site_are_marked_for_wordpress_and_in_files_of_pages(
    environ: dict[str, str], clock: Clock, tmp_path: Path
) -> None:
    async with office.opened(environ, clock) as desk:
        [asked] = await desk.post()
        await desk.answer(asked, "Grazie!")
    await run("export", "--site", "coop", "--format", "wxr", "--to", tmp_path / "out.xml")
    _, first, second = (tmp_path / "out.xml").read_text(encoding="utf-8").split("<wp:comment>")
    assert "<wp:meta_key>by_site</wp:meta_key>" not in first
    assert "<wp:meta_key>by_site</wp:meta_key>\n<wp:meta_value>1</wp:meta_value>" in second
    await run("export", "--site", "coop", "--format", "static", "--to", tmp_path / "static")
    [name] = json.loads((tmp_path / "static" / "index.json").read_bytes()).values()
    written = json.loads((tmp_path / "static" / name).read_bytes())
    assert [one["by_site"] for one in written["comments"]] == [False, True]


@only_sqlite
async def test_comments_leave_for_wordpress_and_as_files_of_pages(
    environ: dict[str, str], tmp_path: Path, empty_database_url: str
) -> None:
    await run("import", "wordpress", blog(tmp_path, 10), "--site", "coop")
    out, folder = tmp_path / "out.xml", tmp_path / "static"
    await run("export", "--site", "coop", "--format", "wxr", "--to", out)
    text = out.read_text(encoding="utf-8")
    assert "ada@example.org" not in text
    assert "<![CDATA[Lovely <strong>roses</strong>\n\nhere]]>" in text
    there = environ | {"MODERATION_DATABASE_URL": empty_database_url}
    await run("migrate", environ=there)
    await run("import", "wordpress", out, "--site", "coop", environ=there)
    again = tmp_path / "again.xml"
    await run("export", "--site", "coop", "--format", "wxr", "--to", again, environ=there)
    assert again.read_bytes() == out.read_bytes()
    await run("export", "--site", "coop", "--format", "static", "--to", folder)
    [(url, name)] = json.loads((folder / "index.json").read_bytes()).items()
    written = json.loads((folder / name).read_bytes())
    assert (url, written["page_title"], written["count"]) == (f"{PAGE}/garden/", "Garden", 10)
    assert "ada@example.org" not in str(written)
    await run("export", "--site", "coop", "--format", "static", exit_code=2)


@only_sqlite
async def test_whatever_an_owner_gets_wrong_is_named_and_nothing_is_written(
    database: Database, tmp_path: Path
) -> None:
    file = blog(tmp_path, 3)
    mapped = tmp_path / "map.csv"
    mapped.write_text(
        "old,new\nhttps://a.example/,https://elsewhere.example/\nalone\n/x,nowhere\n", encoding="utf-8"
    )
    for words, code, said in (
        (("--site", "cop"), 1, "The sites file lists no site 'cop'; there are: coop, altro"),
        (("--site", "coop", "--timezone", "Mars/Base"), 2, "There is no time zone 'Mars/Base'"),
        (("--site", "coop", "--base-url", "example"), 2, "--base-url is not an http(s) address: 'example'"),
        (("--site", "coop", "--base-url", "https://x.example"), 1, "not on an origin that the site coop lists"),
        (("--site", "coop", "--map", str(mapped)), 1, "line 3: must be the old address, a comma and the new one"),
    ):
        assert said in (await run("import", "wordpress", file, *words, exit_code=code)).output
    mapped.write_text("https://a.example/,https://elsewhere.example/\n/x,nowhere\n", encoding="utf-8")
    said = (await run("import", "wordpress", file, "--site", "coop", "--map", mapped, exit_code=1)).output
    assert "line 1: https://elsewhere.example/ is not on an origin" in said
    assert "line 2: nowhere is not an http(s) address" in said
    file.write_bytes(file.read_bytes()[:-200])
    said = (await run("import", "wordpress", file, "--site", "coop", "--dry-run", exit_code=1)).output
    assert "is no well-formed XML" in said
    assert "What stands before it would come in." in said
    said = (await run("import", "disqus", file, "--site", "coop", exit_code=1)).output
    assert "is not of the format disqus; it looks like wordpress" in said
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(comments))).scalar_one() == 0


async def test_an_import_that_was_killed_goes_on_where_it_was(
    environ: dict[str, str], database: Database, tmp_path: Path
) -> None:
    file = blog(tmp_path, 6_000)

    async def stored() -> int:
        async with database.read() as connection:
            count: int = (await connection.execute(select(func.count()).select_from(comments))).scalar_one()
            return count

    async def begun() -> bool:
        return await stored() > 0

    words = ("import", "wordpress", str(file), "--site", "coop")
    async with command(*words, environ=environ) as process:
        await until(begun)
        process.child.send_signal(signal.SIGKILL)
        await process.ended()
    half = await stored()
    assert 0 < half < 6_000
    said = (await run(*words)).output
    assert f"Already there: {half:,}" in said
    assert await stored() == 6_000
    async with database.read() as connection:
        found = {row.id: row for row in await connection.execute(select(comments))}
    assert sum(one.parent_id is None for one in found.values()) == 1
    assert {one.root_id for one in found.values()} == {next(one.id for one in found.values() if not one.parent_id)}
    numbers = sorted(one.change_number for one in found.values())
    assert numbers == list(range(1, 6_001))
    assert all(one.status == Status.APPROVED for one in found.values())
    assert not any((await consistency.differences(database)).values())


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_a_system_is_read_from_its_postgresql(empty_database_url: str) -> None:
    server = await asyncpg.connect(empty_database_url)
    await server.execute(
        """
        CREATE TABLE pages (id text, slug text, url text, title text, "projectId" text);
        CREATE TABLE comments (id uuid, "pageId" text, created_at timestamp, "deletedAt" timestamp, by_email text,
          by_nickname text, content text, approved boolean, "parentId" uuid);
        INSERT INTO pages VALUES ('p', 'garden', 'https://www.example.org/garden', 'Garden', 'x');
        INSERT INTO comments VALUES ('00000000-0000-0000-0000-000000000001', 'p', '2024-03-01 09:00:00', NULL,
          'ada@example.org', 'Ada', '**roses**', true, NULL);
        """
    )
    await server.close()
    said = (await run("import", "cusdis", empty_database_url, "--site", "coop")).output
    assert "1 comment came in on 1 page" in said
    said = (await run("import", "ghost", empty_database_url, "--site", "coop", exit_code=1)).output
    assert "is not of the format ghost; it looks like cusdis" in said
    nowhere = "postgresql://user:secret-word@127.0.0.1:1/x"
    said = (await run("import", "cusdis", nowhere, "--site", "coop", exit_code=1)).output
    assert "the database cannot be reached" in said
    assert "secret-word" not in said
