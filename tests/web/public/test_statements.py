"""The mail that states a decision leads its author back to the comment, and its page says the same."""

from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from moderation_service.domain.moderation.statements import STATEMENT_WAITS
from moderation_service.services.operations import erasing
from moderation_service.storage.engine.database import Database
from tests.conftest import Clock
from tests.support.authors import mail_to, prove
from tests.support.desk import text_of
from tests.support.factories import ADDRESS, bearer
from tests.support.posting import post
from tests.support.rows import all_rows, interval_is_back, settled
from tests.support.smtp import Mail, MailServer


def receipt_in(mail: Mail) -> str:
    """The path of the author's page that a mail leads to."""
    [found] = {urlsplit(link).path for link in mail.links() if "/receipts/" in link}
    return found


async def test_a_statement_leads_to_the_comment_and_its_page_says_the_same(
    http: ClientSession, smtp: MailServer, database: Database, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    receipt = await post(http, notify_published=True)
    await prove(http, smtp)
    await settled(database)
    insult = {"id": receipt["id"], "decision": "reject", "reason": "insult", "note": "solo per noi"}
    answer = await http.post("/api/v1/moderation/decisions", json={"decisions": [insult]}, headers=bearer())
    assert answer.status == 200
    clock.advance(seconds=STATEMENT_WAITS.total_seconds())
    mail = await mail_to(smtp, count=2)
    path = receipt_in(mail)
    await interval_is_back(database)
    before = await all_rows(database)
    mailed, own = [
        text_of(await (await http.get(one)).text()) for one in (path, urlsplit(receipt["receipt_url"]).path)
    ]
    assert mailed == own
    for said in (
        "Il tuo commento non è stato pubblicato. Il motivo: Il commento insulta o attacca altre persone.",
        "La decisione è stata presa da un programma del sito il 22 novembre 2026 alle 11:00.",
    ):
        assert said in own
        for part in (mail.text(), mail.html()):
            assert said.rpartition(": ")[2] in " ".join(part.split())
    assert "solo per noi" not in own + mail.text() + mail.html()
    told = await (await http.get(f"/api/v1{path}")).json()
    assert told["statement"] == {
        "decided_at": "2026-11-22T10:00:00Z",
        "decided_by": "program",
        "rule": None,
        "was_published": False,
        "is_of_edit": False,
        "is_redaction": False,
    }
    assert (await http.head(path)).status == 200
    assert await all_rows(database) == before, "looking changes nothing"
    for wrong in (
        path[:-1],
        path[:-1] + ("A" if path[-1] != "A" else "B"),
        path.replace("receipts/", "receipts/x"),
    ):
        assert (await http.get(wrong)).status == 404
    assert urlsplit(path).path.rpartition("/")[2] not in "".join(capfd.readouterr())
    await erasing.erase(database, [receipt["id"]], now=clock())
    assert (await http.get(path)).status == 404
    assert ADDRESS not in own
