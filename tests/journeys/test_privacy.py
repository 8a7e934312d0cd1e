"""Where an author's address must never be: public answers, log lines, metrics, the database's bytes."""

import asyncio
import json
import re
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from sqlalchemy import text

from moderation_service.storage.engine.database import Database
from tests.support import traces
from tests.support.contract import client_of
from tests.support.factories import API_KEY, PAGE, a_submission, bearer
from tests.support.mailed import post, press
from tests.support.processes import Process, command
from tests.support.smtp import MailServer

CANARY = "giuliana.canarino.8f3a@esempio-privato.example.com"
BODY = "segretissimo-corpo-7c1e"
NAME = "Nome-Riservato-5b2d"
QUERY = "interrogazione-9d4c"

REFUSING_SQLITE = """
CREATE TRIGGER refuse BEFORE INSERT ON promises
WHEN EXISTS (SELECT 1 FROM comments WHERE id = NEW.comment_id AND author_name LIKE 'rifiutato%')
BEGIN SELECT RAISE(ABORT, 'refused: giuliana.canarino.8f3a@esempio-privato.example.com'); END
"""
REFUSING_POSTGRESQL = (
    """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF EXISTS (SELECT 1 FROM comments WHERE id = NEW.comment_id AND author_name LIKE 'rifiutato%') THEN
RAISE EXCEPTION 'refused: giuliana.canarino.8f3a@esempio-privato.example.com'; END IF; RETURN NEW; END $$
""",
    "CREATE TRIGGER refuse BEFORE INSERT ON promises FOR EACH ROW EXECUTE FUNCTION refuse()",
)


def assert_clean(content: bytes, where: str) -> None:
    found = traces.found(content, (CANARY,))
    assert not found, f"{found} in {where}"


async def visit_everything(http: ClientSession, comment_id: str) -> None:
    """Read every answer that anybody may have, in success and in failure."""
    for path in (
        f"/api/v1/comments?page_url={PAGE}&q={QUERY}",
        f"/api/v1/comments/{comment_id}",
        f"/api/v1/comments?page_url={QUERY}",
        "/openapi.json",
        "/health/ready",
        "/health/live",
        "/metrics",
        f"/{QUERY}?{QUERY}={QUERY}",
        f"/moderate/{QUERY}/approve?{QUERY}",
    ):
        async with http.get(path) as answer:
            assert_clean(await answer.read(), path)
            assert_clean(str(answer.headers).encode(), path)


async def test_an_address_is_in_no_public_answer_and_no_token_body_or_query_in_a_log_line(
    environ: dict[str, str], smtp: MailServer, database: Database
) -> None:
    submission = a_submission(author_email=CANARY, body=BODY, author_name=NAME)
    async with command("serve", environ=environ) as process:
        await process.wait_for("Listening on")
        async with client_of(process.url) as http:
            posted = await post(http, smtp, **submission)
            for mail in posted.mails.values():
                assert_clean(mail.raw, "the mail")
                assert "g…@e….com" in mail.text()
            for decision in ("approve", "reject", "approve"):
                await http.get(posted.path(decision))
                page = await (await press(http, posted.path(decision))).read()
                assert_clean(page, "the moderator's page")
            await visit_everything(http, posted.id)
            async with http.get("/api/v1/moderation/comments", headers=bearer(), params={"q": BODY}) as answer:
                found = await answer.read()
            assert BODY.encode() in found
            assert_clean(found, "the moderation API")
            for data in (submission, submission | {"body": ""}, submission | {"author_email": f"{CANARY}@"}):
                async with http.post("/api/v1/comments", json=data) as answer:
                    assert_clean(await answer.read(), "an answer in JSON")
            async with http.post(f"/api/v1/comments?{QUERY}", data=CANARY) as answer:
                assert answer.status == 415
            await make_the_database_refuse(database)
            await asyncio.gather(
                *(
                    refused(http, submission | {"author_name": f"rifiutato {number}", "body": f"{BODY} {number}"})
                    for number in range(5)
                )
            )
            smtp.refuse_recipient = f"451 4.2.1 <{CANARY}> {BODY} {NAME} later"
            async with http.post("/api/v1/comments", json=submission | {"body": f"{BODY} 2"}) as answer:
                assert answer.status == 202
            await process.wait_for('"mail.refused"')
            smtp.refuse_recipient = None
            smtp.refuse_data = f"554 5.7.1 message for <{CANARY}> from {NAME}: {BODY}"
            async with http.post("/api/v1/comments", json=submission | {"body": f"{BODY} 3"}) as answer:
                assert answer.status == 202
            await broken_requests(process)
            tokens = {posted.token(), *(path.split("/")[2] for path in mailed_paths(smtp))}
        assert await process.stop() == 0
    assert_clean(bytes(process.said), "the log")
    for secret in (BODY, NAME, QUERY, API_KEY, *tokens):
        assert secret not in process.words
    for line in process.words.splitlines():
        assert line.startswith("Listening on http://") or isinstance(json.loads(line), dict), line


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_an_address_is_not_in_the_bytes_of_the_database(
    environ: dict[str, str], smtp: MailServer, tmp_path: Path
) -> None:
    file = Path(environ["MODERATION_DATABASE_URL"].removeprefix("sqlite:///"))
    async with command("serve", environ=environ) as process:
        await process.wait_for("Listening on")
        async with client_of(process.url) as http:
            posted = await post(http, smtp, author_email=CANARY, body=BODY)
            await http.post("/api/v1/comments", json=a_submission(author_email=CANARY, body=BODY))
            await press(http, posted.path("approve"))
            written = files(file)
            assert f"{file.name}-wal" in written
            assert BODY.encode() in b"".join(written.values())
            for name, content in written.items():
                assert_clean(content, name)
            copy(file, tmp_path / "copy.db")
            for name, content in files(tmp_path / "copy.db").items():
                assert_clean(content, name)
        assert await process.stop() == 0
    for name, content in files(file).items():
        assert_clean(content, name)


async def make_the_database_refuse(database: Database) -> None:
    async with database.write() as connection:
        if connection.dialect.name == "sqlite":
            await connection.execute(text(REFUSING_SQLITE))
        else:
            for statement in REFUSING_POSTGRESQL:
                await connection.execute(text(statement))


async def refused(http: ClientSession, data: dict[str, str]) -> None:
    async with http.post("/api/v1/comments", json=data) as answer:
        assert answer.status >= 500
        content = await answer.read()
    assert_clean(content, "an answer")
    assert BODY.encode() not in content


async def broken_requests(process: Process) -> None:
    """Send what is no HTTP, with a secret in it: neither the answer nor the log repeats it."""
    host, port = urlsplit(process.url).netloc.split(":")
    for request in (
        f"GET /{QUERY} HTTP/9.9\r\n\r\n",
        f"{QUERY}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{QUERY}: \x00{CANARY}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\n {QUERY} {CANARY}: x\r\n\r\n",
        f"GET /{QUERY * 1_000} HTTP/1.1\r\n\r\n",
        f"POST /api/v1/comments HTTP/1.1\r\nHost: x\r\nContent-Length: {QUERY}\r\n\r\n",
        f"POST /api/v1/comments HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz{CANARY}\r\n",
    ):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request.encode())
        answer = await reader.read()
        writer.close()
        assert answer.split(b" ")[1] == b"400"
        assert_clean(answer, "an answer to what is no HTTP")
        assert QUERY.encode() not in answer


def mailed_paths(smtp: MailServer) -> list[str]:
    return re.findall(r"/moderate/\S+", "".join(mail.text() for mail in smtp.mails))


def files(database: Path) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in database.parent.glob(f"{database.name}*")}
    assert found
    return found


def copy(source: Path, target: Path) -> None:
    """Copy as a backup does."""
    with sqlite3.connect(source) as one, sqlite3.connect(target) as other:
        one.backup(other)
    one.close()
    other.close()
