"""Work for browsers over HTTP: which comments are asked for it, and what a proof does for one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from moderation_service.storage.engine.database import Database
from tests.conftest import Clock, Start
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.factories import OTHER_PAGE, PAGE, SITES
from tests.support.posting import decide, post
from tests.support.proofs import proof_of
from tests.support.rows import assessed
from tests.support.smtp import MailServer

SPAM = "[url=https://a.example]a[/url] https://b.example https://c.example"
KEY = {"Idempotency-Key": "a key"}


def proof_path(receipt: dict[str, Any]) -> str:
    return f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}/proof"


async def prove(http: ClientSession, receipt: dict[str, Any], proof: str, **headers: str) -> tuple[int, str]:
    """Send a proof; the status and the code of the problem."""
    answer = await http.post(proof_path(receipt), json={"proof": proof}, headers=headers)
    found = await answer.json()
    return answer.status, found.get("type", "").rpartition(":")[2] or found["status"]


async def verdicts(database: Database) -> dict[str, str]:
    return {comment_id: verdict for comment_id, (verdict, _) in (await assessed(database)).items()}


async def test_work_makes_a_suspect_a_comment_like_any_other_and_mails_it(
    http: ClientSession, database: Database, smtp: MailServer, clock: Clock
) -> None:
    harmless = await post(http)
    assert "challenge" not in harmless
    await smtp.wait_for(2)
    first = await post(http, body=SPAM, headers=KEY)
    again = await post(http, body=SPAM, headers=KEY)
    assert again.keys() == first.keys(), "the answer that was lost had a challenge, too"
    second = await post(http, body=f"{SPAM} 2")
    assert await verdicts(database) == {harmless["id"]: "pending", first["id"]: "suspect", second["id"]: "suspect"}
    proof = proof_of(first["challenge"])
    assert await prove(http, second, proof) == (422, "invalid_fields"), "another comment's"
    assert await prove(http, first, proof[:-8]) == (422, "invalid_fields")
    assert await prove(http, first, proof, Origin="https://altro.example.com") == (403, "foreign_origin")
    assert len(smtp.mails) == 2
    both = await asyncio.gather(*(prove(http, first, proof) for _ in "12"))
    assert sorted(both) == [(200, "pending"), (409, "proof_used")]
    assert await prove(http, first, proof_of(again["challenge"])) == (409, "proof_used")
    await smtp.wait_for(4)
    assert (await verdicts(database))[first["id"]] == "pending"
    _, reasons = (await assessed(database))[first["id"]]
    assert reasons == ["many_links", "foreign_markup", "work_done"]
    assert "challenge" not in await post(http, body=SPAM, headers=KEY)
    clock.advance(minutes=31)
    assert await prove(http, second, proof_of(second["challenge"])) == (410, "proof_expired")
    assert (await verdicts(database))[second["id"]] == "suspect"


@only_sqlite
async def test_nothing_is_proved_of_a_comment_that_was_decided(http: ClientSession) -> None:
    receipt = await post(http, body=SPAM)
    await decide(http, "reject", receipt["id"])
    assert await prove(http, receipt, proof_of(receipt["challenge"])) == (409, "not_editable")
    assert await prove(http, {"receipt_url": f"/{'A' * 43}"}, "x") == (404, "not_found")
    wrong: list[Any] = [{}, {"proof": 5}, {"proof": "x" * 4_001}, {"proof": "x", "other": 1}, []]
    for body in wrong:
        assert (await http.post(proof_path(receipt), json=body)).status == 422, body


@pytest.fixture
def of_all_and_nobody(environ: dict[str, str]) -> None:
    """The first site asks all, the other nobody."""
    always, off = (f'[site.screening]\nproof_of_work = "{one}"\n\n[[site.moderator]]' for one in ("always", "off"))
    first, second = SITES.rsplit("[[site]]", 1)
    sites = first.replace("[[site.moderator]]", always, 1) + "[[site]]" + second.replace("[[site.moderator]]", off)
    Path(environ["MODERATION_SITES"]).write_text(sites, encoding="utf-8")


@only_sqlite
@pytest.mark.usefixtures("of_all_and_nobody")
async def test_a_site_asks_all_or_nobody(start: Start, clock: Clock, database: Database) -> None:
    service = await start(clock=clock)
    async with client_of(service.url) as http:
        receipt = await post(http)
        assert await verdicts(database) == {receipt["id"]: "suspect"}, "until the work is done"
        edited = await http.patch(proof_path(receipt).removesuffix("/proof"), json={"body": "altro"})
        assert (edited.status, await verdicts(database)) == (200, {receipt["id"]: "suspect"})
        assert await prove(http, receipt, proof_of(receipt["challenge"])) == (200, "pending")
        assert await verdicts(database) == {receipt["id"]: "pending"}
        edited = await http.patch(proof_path(receipt).removesuffix("/proof"), json={"body": "ancora"})
        assert (edited.status, await verdicts(database)) == (200, {receipt["id"]: "pending"})
        assert await prove(http, receipt, proof_of(receipt["challenge"])) == (409, "proof_used")
        assert "challenge" not in await post(http, page_url=OTHER_PAGE, body=SPAM)
    unscreened = await start(clock=clock, screening="off")
    async with client_of(unscreened.url) as http:
        assert "challenge" not in await post(http, page_url=PAGE, body="senza controlli")
