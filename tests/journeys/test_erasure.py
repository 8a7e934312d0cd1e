"""What is erased is in no column of any table, and in no byte of a file: neither what it said nor who wrote it."""

import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from moderation_service.domain.comments.notices import ADDRESS_PROOF
from moderation_service.domain.errors import LinkVoidError
from moderation_service.domain.keys import KeyRing
from moderation_service.services.operations import consistency, erasing
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import (
    author_mails,
    comment_networks,
    comments,
    contacts,
    idempotency_keys,
    recent_posts,
    reporters,
    reports,
)
from tests.conftest import Clock, Start
from tests.support import office as offices
from tests.support import traces
from tests.support.authors import path_in, prove
from tests.support.commands import run
from tests.support.contract import client_of
from tests.support.desk import logged_in
from tests.support.factories import SECRET, a_submission, bearer
from tests.support.posting import COMMENTS, decide, decided, path_of, published
from tests.support.rows import settled, values
from tests.support.running import until
from tests.support.smtp import MailServer

ADDRESS, READER = "zelmira.zibaldone@quaderni.example.com", "zoe.zibaldoni@lettori.example.com"
CANARY = "zibald"
"""It stands in all that is erased, and in nothing else."""

HERE, THERE = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "198.51.100.9"}
IS_OF_IT = (contacts, comment_networks, recent_posts, idempotency_keys, author_mails, reports, reporters)


async def write_all_that_is_kept(http: ClientSession, smtp: MailServer) -> list[str]:
    """Comments of one author, with all that can be stored of one; their ids."""
    own = {"author_email": ADDRESS, "author_name": "Zibaldona", "author_url": "https://zibaldona.example/"}

    async def posted(body: str, **changed: Any) -> dict[str, Any]:
        data = a_submission(body=body, page_title="Lo zibaldone", **own, **changed)
        answer = await http.post(COMMENTS, json=data, headers=HERE | {"Idempotency-Key": f"zibaldone-{body}"})
        assert answer.status == 202, await answer.text()
        receipt: dict[str, Any] = await answer.json()
        return receipt

    first = await posted("zibaldone uno", notify_published=True, notify_replies=True)
    await prove(http, smtp, ADDRESS)
    await decide(http, "approve", first["id"])
    for text, decision in (("zibaldone due", "reject"), ("zibaldone tre", "approve"), ("zibaldone quattro", None)):
        assert (await http.patch(path_of(first), json={"body": text}, headers=HERE)).status == 200
        if decision is not None:
            assert await decided(http, first["id"], decision, note=f"nota sullo {text}") == "done"
    await published(http, body="una risposta", parent_id=first["id"], author_email="olaf@example.net")
    report = {"reason": "insult", "explanation": "Zibaldonate.", "reporter_name": "Zibaldina"}
    sent = await http.post(
        f"{COMMENTS}/{first['id']}/reports", json=report | {"reporter_email": READER}, headers=THERE
    )
    assert sent.status == 202

    second = await posted("zibaldone cinque")
    await decide(http, "reject", second["id"])
    objected = await http.post(f"{path_of(second)}/objection", json={"text": "Zibaldono!"}, headers=HERE)
    assert objected.status == 200, await objected.text()
    smtp.refuse_data_for["anna@example.org"] = "554 5.7.1 message from Zibaldona: zibaldone sei"
    third = await posted("zibaldone sei")
    desk = await logged_in(http, smtp, "paul@example.org")
    assert (await desk.post(f"/desk/comments/{third['id']}/address")).status == 200
    [author] = {
        one["author_hash"]
        for one in (await (await http.get("/api/v1/moderation/comments", headers=bearer())).json())["comments"]
        if one["id"] == third["id"]
    }
    noted = await http.put(
        f"/api/v1/moderation/authors/{author}", json={"note": "zibaldoneggia"}, headers=bearer()
    )
    assert noted.status == 200, await noted.text()
    return [one["id"] for one in (first, second, third)]


async def codes(database: Database, ids: list[str]) -> set[bytes]:
    """What is encrypted or hashed of some comments, of what was done to them, and of what readers reported."""
    found: set[bytes] = set()
    async with database.read() as connection:
        for table in IS_OF_IT:
            for row in (await connection.execute(select(table))).mappings():
                if row.get("comment_id") in ids or row.get("about_id") in ids:
                    found |= {
                        value if isinstance(value, bytes) else value.encode()
                        for name, value in row.items()
                        if value and name.endswith(("_sealed", "_hash", "fingerprint"))
                    }
        hashes = await connection.execute(select(comments.c.receipt_hash).where(comments.c.id.in_(ids)))
        return found | set(hashes.scalars())


def holding(found: dict[str, bytes], wanted: set[bytes]) -> dict[str, set[bytes]]:
    """Where something stands, and what: the canary in any capitals, addresses in any form, or what is wanted."""
    seen = {
        place: {one for one in wanted if one in content}
        | ({CANARY.encode()} if CANARY.encode() in content.lower() else set())
        | set(traces.found(content, (ADDRESS, READER)))
        for place, content in found.items()
    }
    return {place: what for place, what in seen.items() if what}


async def test_what_is_erased_is_in_no_column_and_in_no_byte_of_a_file(
    environ: dict[str, str], start: Start, smtp: MailServer, database: Database, tmp_path: Path
) -> None:
    service = await start(trusted_proxies="127.0.0.0/8")
    async with client_of(service.url) as http:
        ids = await write_all_that_is_kept(http, smtp)

        async def is_refused() -> bool:
            return b"message from Zibaldona" in (await values(database))["deliveries.last_error"]

        await until(is_refused)
        await settled(database)
        kept = await codes(database, ids)
        before = holding(await values(database), kept)
        assert len(kept) > 8
        assert {place.partition(".")[0] for place in before} >= {
            *("comments", "revisions", "decisions", "contacts", "author_notes", "idempotency_keys", "reports"),
            *("reporters", "recent_posts", "author_mails", "deliveries"),
        }
        asked = tmp_path / "address"
        asked.write_text(ADDRESS)
        said = await run(environ, "erase", "--address-file", asked)
        assert said.exit_code == 0, said.output
        assert "3 comments erased at" in said.output
        assert holding(await values(database), kept) == {}
        asked.write_text(READER)
        assert (await run(environ, "erase", "--address-file", asked)).exit_code == 0
        asked.unlink()
        differences = await consistency.differences(database)
        assert not any(differences.values()), differences

        feed = await (await http.get("/api/v1/changes?site=coop&after=0")).json()
        assert [one["type"] for one in feed["changes"] if one["comment_id"] == ids[0]] == ["erased"]
        assert KeyRing((SECRET,)).current_id in str(await values(database))
        if environ["MODERATION_DATABASE_URL"].startswith("sqlite"):
            assert holding(files_with_copies(tmp_path / "test.db"), kept) == {}


async def test_an_erasure_while_mail_about_it_is_on_its_way_leaves_no_word_of_what_the_server_says(
    environ: dict[str, str], clock: Clock, smtp: MailServer, database: Database
) -> None:
    async with offices.opened(environ, clock) as office:
        own: dict[str, Any] = {"author_email": ADDRESS, "author_name": "Zibaldona", "page_title": None}
        [first] = await office.post(body="zibaldone uno", **own)
        smtp.while_sent = partial(_erase_all, database, [first], clock)
        smtp.refuse_data = "451 4.7.0 not now, Zibaldona: zibaldone uno"
        await office.delivery(connections=1).deliver_due()
        smtp.while_sent = smtp.refuse_data = None
        found = await values(database)
        assert holding(found, set()) == {}
        assert b"4.7.0" in found["people.last_error"]
        clock.advance(hours=1)
        await office.delivery().deliver_due()
        assert smtp.mails == []

        [second] = await office.post(body="zibaldone due", notify_published=True, **own)
        smtp.while_sent = partial(_erase_all, database, [second], clock)
        assert await office.container.queue.deliver_due(ADDRESS_PROOF) == 1
        assert len(smtp.to(ADDRESS)) == 1, "it was on its way"
        assert holding(await values(database), set()) == {}
        link = path_in(smtp.to(ADDRESS)[0]).rpartition("/")[2]
        with pytest.raises(LinkVoidError):
            await office.container.web.subscriptions.find(link)
        await office.delivery().deliver_due()
        await office.assert_balanced()


async def _erase_all(database: Database, ids: list[str], clock: Clock) -> None:
    await erasing.erase(database, ids, now=clock())


def files_with_copies(database: Path) -> dict[str, bytes]:
    """The files of a database in use, and copies of it: one as a backup makes it, one of the file alone."""
    copied, plain = (database.with_name(f"{database.name}.{name}") for name in ("copied", "plain"))
    with closing(sqlite3.connect(database)) as one, closing(sqlite3.connect(copied)) as other:
        one.backup(other)
    shutil.copy(database, plain)
    found = {one.name: one.read_bytes() for one in database.parent.iterdir() if one.name.startswith("test.db")}
    assert {"test.db", "test.db-wal", copied.name, plain.name} <= set(found)
    return found
