"""The commands that delete; what is erased is in no file any more."""

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession

from tests.conftest import Start
from tests.support.authors import mail_to
from tests.support.cases import only_sqlite
from tests.support.commands import run
from tests.support.contract import client_of
from tests.support.factories import ADDRESS, PAGE, bearer
from tests.support.forms import Form
from tests.support.posting import decide, post, published
from tests.support.running import until
from tests.support.smtp import MailServer

SECRETS = ("giuliana.canary", "Giulianissima", "una torta al limone", "giulianissima.example")


def files_with(folder: Path, texts: tuple[str, ...]) -> set[str]:
    """Which files beside a database hold one of some texts."""
    return {
        one.name
        for one in folder.iterdir()
        if one.name.startswith("test.db") and any(text.encode() in one.read_bytes() for text in texts)
    }


async def mine(http: ClientSession) -> list[str]:
    """Comments of one author: one that is public, one that was rejected, and one that waits."""
    fields: dict[str, Any] = {"author_name": "Giulianissima", "author_url": "https://giulianissima.example"}
    ids = [await published(http, body="una torta al limone " * 100, **fields)]
    ids += [(await post(http, body=f"una torta al limone {number}", **fields))["id"] for number in range(2)]
    await decide(http, "reject", ids[1])
    return ids


@only_sqlite
async def test_an_erased_author_is_in_no_file_while_the_service_runs(
    environ: dict[str, str], start: Start, tmp_path: Path
) -> None:
    service = await start(screening="off")
    async with client_of(service.url) as http:
        ids = await mine(http)
        other = await published(http, body="altro", author_name="Olaf", author_email="olaf@example.org")
        assert files_with(tmp_path, SECRETS)
        asked = tmp_path / "address"
        asked.write_text(f" {ADDRESS.upper()}\n")
        said = await run(environ, "erase", "--address-file", asked, "--dry-run")
        assert "3 comments would be erased." in said.output
        said = await run(environ, "erase", "--address-file", asked)
        assert said.exit_code == 0, said.output
        assert all(f"{one} was erased" in said.output for one in ids)
        assert "1 comment had been public" in said.output
        assert "UTC still hold it" in said.output
        assert files_with(tmp_path, SECRETS) == set()
        shutil.copy(tmp_path / "test.db", tmp_path / "test.db.copy")
        assert files_with(tmp_path, SECRETS) == set()
        assert "test.db" in files_with(tmp_path, ("Olaf",))

        async def is_gone_from_the_page() -> bool:
            listed = (await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json())["comments"]
            return [one["id"] for one in listed] == [other]

        await until(is_gone_from_the_page)
        for path in (f"/api/v1/comments/{ids[0]}", f"/api/v1/moderation/comments/{ids[1]}/history"):
            assert (await http.get(path, headers=bearer())).status == 404
        for status in ("", "?status=rejected", "?status=withdrawn"):
            answer = await http.get(f"/api/v1/moderation/comments{status}", headers=bearer())
            assert {one["id"] for one in (await answer.json())["comments"]} <= {other}
        planned = await run(environ, "erase", "--compact", "--dry-run")
        assert f"{tmp_path}/test.db would be written anew, " in planned.output
        again = await run(environ, "erase", "--comment", ids[0], "--compact")
        assert again.exit_code == 0, again.output
        assert "until that is done, comments are answered 503" in again.output
        assert "is not stored, or was erased before" in again.output
        assert "nobody could write for" in again.output
        await post(http, body="dopo")
    wrong = await run(environ, "erase", "--comment", "x")
    assert (wrong.exit_code, "is not the id of a comment" in wrong.output) == (2, True)
    asked.write_text("Giuliana")
    wrong = await run(environ, "erase", "--address-file", asked)
    assert (wrong.exit_code, "is not one e-mail address" in wrong.output) == (1, True)


@only_sqlite
async def test_the_receipt_names_the_backups_that_hold_it_still(
    environ: dict[str, str], start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    service = await start(screening="off")
    async with client_of(service.url) as http:
        assert (await run(environ, "backup", folder / "before.db")).exit_code == 0
        ids = await mine(http)
        for name in ("first.db", "moved.db"):
            assert (await run(environ, "backup", folder / name)).exit_code == 0
        assert (await run(environ, "backup", folder / "day.db", "--keep", "1")).exit_code == 0
        (folder / "moved.db").unlink()
        assert (await run(environ, "backup", folder / "first.db")).exit_code == 1, "it is there already"
        (tmp_path / "test.db.replaced-2026-11-29T020000Z").touch()
        said = await run(environ, "erase", "--comment", ids[0])
        [day] = [one for one in folder.iterdir() if one.name.startswith("day-")]
        named = [
            line.strip().partition(" UTC: ")[2] for line in said.output.splitlines() if "the backup of" in line
        ]
        assert named == [
            str(day),
            f"{folder / 'moved.db'} (no longer there; where it was moved to, it holds it)",
            str(folder / "first.db"),
        ]
        assert f"what a restored backup replaced: {tmp_path}/test.db.replaced-2026-11-29T020000Z" in said.output
        day.rename(folder / "day-2026-11-01T020000Z.db")
        assert (await run(environ, "backup", folder / "day.db", "--keep", "1")).exit_code == 0
        said = await run(environ, "erase", "--comment", ids[1])
        assert said.output.count("the backup of") == 4


async def test_on_both_databases_it_is_said_what_stays_and_what_is_due(
    environ: dict[str, str], start: Start
) -> None:
    service = await start(screening="off")
    async with client_of(service.url) as http:
        ids = await mine(http)
    said = await run(environ, "erase", "--comment", ids[0])
    assert said.exit_code == 0, said.output
    is_file = environ["MODERATION_DATABASE_URL"].startswith("sqlite")
    assert ("until VACUUM has run" in said.output) is not is_file
    for arguments in (["--dry-run"], []):
        said = await run(environ, "retention", "run", *arguments)
        assert (said.exit_code, said.output) == (0, "There is nothing to delete.\n")


@only_sqlite
async def test_an_operator_answers_a_request_for_access_by_a_file_with_the_address(
    environ: dict[str, str], start: Start, tmp_path: Path
) -> None:
    service = await start(screening="off")
    async with client_of(service.url) as http:
        ids = await mine(http)
        await published(http, body="altro", author_name="Olaf", author_email="olaf@example.org")
        note = {"decisions": [{"id": ids[2], "decision": "reject", "note": "scrive spesso"}]}
        await http.post("/api/v1/moderation/decisions", json=note, headers=bearer())
    (tmp_path / "address").write_text(f"{ADDRESS.upper()}\n")
    copy = tmp_path / "copy.json"
    asked = ("export", "--site", "coop", "--address-file", tmp_path / "address")
    said = await run(environ, *asked, "--to", copy)
    assert said.exit_code == 0, said.output
    assert "comments: 3, reports: 0." in said.output
    found = json.loads(copy.read_bytes())
    assert [one["id"] for one in found["comments"]] == ids
    assert [one["note"] for one in found["moderators_notes"]] == ["scrive spesso"]
    assert "Olaf" not in copy.read_text()
    assert copy.stat().st_mode & 0o077 == 0
    wrong = await run(environ, *asked, "--format", "wxr")
    assert (wrong.exit_code, "has a form of its own" in wrong.output) == (2, True)


@only_sqlite
async def test_what_an_author_erases_is_in_no_file_soon_and_mail_about_it_is_not_sent(
    start: Start, smtp: MailServer, tmp_path: Path
) -> None:
    service = await start(screening="off")
    async with client_of(service.url) as http:
        receipts = [
            await post(http, body=f"una torta al limone {number}", author_name="Giulianissima") for number in "12"
        ]
        token = receipts[0]["receipt_url"].rpartition("/")[2]
        await http.post(f"/api/v1/receipts/{token}/personal-data", json={"wish": "erase"})
        [link] = {one for one in (await mail_to(smtp)).links() if "/personal-data/" in one}
        smtp.refuse_for["anna@example.org"] = "451 4.2.1 later"
        await post(http, body="una torta al limone 3", author_name="Giulianissima")
        path = urlsplit(link).path
        done = await http.post(path, data=Form(await (await http.get(path)).text()).values)
        assert done.status == 200, await done.text()
        before = len(smtp.to("anna@example.org"))
        smtp.refuse_for.clear()
        await until(lambda: files_with(tmp_path, ("una torta al limone", "Giulianissima")) == set())
        await post(http, body="dopo", author_email="olaf@example.org")
        await until(lambda: "dopo" in "".join(mail.text() for mail in smtp.to("anna@example.org")[before:]))
        later = "".join(mail.text() for mail in smtp.to("anna@example.org")[before:])
        assert "una torta al limone" not in later
