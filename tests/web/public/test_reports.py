"""Reports of published comments: by page and JSON, merged, mailed, decided and counted."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner
from sqlalchemy import select

from moderation_service import cli
from moderation_service.domain.moderation.reports import MOST_KEPT, MOST_OF_NETWORK
from moderation_service.services.operations import retention
from moderation_service.storage.engine.database import Database
from moderation_service.storage.operations import consistency
from moderation_service.storage.schema import comments, reports
from tests.conftest import ENGINES, Clock, Start
from tests.support.contract import client_of
from tests.support.desk import logged_in, text_of
from tests.support.factories import API_KEY, PAGE, bearer
from tests.support.forms import Form
from tests.support.mailed import ANNA, pressed
from tests.support.mailed import post as mailed
from tests.support.posting import decide, post, published
from tests.support.running import Running
from tests.support.smtp import Mail, MailServer

SQLITE = pytest.mark.parametrize("place", [ENGINES[0]], indirect=True)
REPORTER = "lettore.canary@example.com"
QUEUE = "/api/v1/moderation/comments"
DECISIONS = "/api/v1/moderation/decisions"


def a_report(**changed: Any) -> dict[str, Any]:
    return {"reason": "insult", "explanation": "Offende mia sorella."} | changed


async def report(
    http: ClientSession, comment_id: str, status: int = 202, *, client: str | None = None, **changed: Any
) -> str:
    """Report a comment from a client's address; the id of the report."""
    headers = {} if client is None else {"X-Forwarded-For": client}
    answer = await http.post(f"/api/v1/comments/{comment_id}/reports", json=a_report(**changed), headers=headers)
    assert answer.status == status, await answer.text()
    return str((await answer.json()).get("id"))


async def waiting(http: ClientSession) -> list[dict[str, Any]]:
    answer = await http.get(QUEUE, params={"order": "queue"}, headers=bearer())
    found: list[dict[str, Any]] = (await answer.json())["comments"]
    return found


async def outcomes(database: Database) -> list[tuple[str, str | None, str | None]]:
    async with database.read() as connection:
        rows = await connection.execute(
            select(reports.c.reason, reports.c.outcome, reports.c.means).order_by(reports.c.id)
        )
        return [(row.reason, row.outcome, row.means) for row in rows]


def path_of(mail: Mail, decision: str) -> str:
    return urlsplit(mail.link(f"/{decision}")).path


async def test_reports_wait_with_all_else_and_a_decision_closes_them(
    start: Start, smtp: MailServer, clock: Clock, database: Database
) -> None:
    service = await start(clock=clock, trusted_proxies="127.0.0.0/8")
    async with client_of(service.url) as http:
        comment_id = (await mailed(http, smtp)).id
        await decide(http, "approve", comment_id)
        before = len(smtp.mails)
        clock.advance(hours=30)
        await report(http, comment_id, client="192.0.2.1", reporter_email=REPORTER, reporter_name="Ada")
        [mail] = [one for one in (await smtp.wait_for(before + 2))[before:] if one.recipients == (ANNA,)]
        assert "hanno segnalato" in mail.message["Subject"]
        assert "Segnalato una volta: Insulta o attacca altre persone (1)" in mail.text()
        assert "Offende mia sorella." in mail.text()
        assert "Offende mia sorella." in mail.html()
        assert REPORTER not in mail.raw.decode()
        other = (await post(http, body="in attesa"))["id"]
        await report(http, comment_id, client="198.51.100.1", reason="other", explanation="Anche falso.")
        await report(http, comment_id, client="203.0.113.1")
        [first, second] = await waiting(http)
        assert (first["id"], first["status"]) == (comment_id, "approved"), "what is public comes first"
        assert (second["id"], second["reports"]) == (other, None)
        assert first["reports"]["count"] == 3
        assert first["reports"]["reasons"] == {"insult": 2, "other": 1}
        assert [one["text"] for one in first["reports"]["explanations"]] == [
            "Offende mia sorella.",
            "Anche falso.",
            "Offende mia sorella.",
        ]
        shown = await (await http.get(path_of(mail, "approve"))).text()
        assert "Segnalato 3 volte" in text_of(shown)
        kept = await http.post(path_of(mail, "approve"), data=pressed(path_of(mail, "approve"), "approved"))
        assert kept.status == 200, await kept.text()
        assert [one["id"] for one in await waiting(http)] == [other]
        assert await outcomes(database) == [
            ("insult", "kept", "link"),
            ("other", "kept", "link"),
            ("insult", "kept", "link"),
        ]
        await http.post(
            path_of(mail, "approve").replace("approve", "undo"), data=pressed(path_of(mail, "approve"), "approved")
        )
        assert [one["id"] for one in await waiting(http)] == [comment_id, other]
        rejected = {"id": comment_id, "decision": "reject", "reason": "insult"}
        answer = await http.post(DECISIONS, json={"decisions": [rejected]}, headers=bearer(API_KEY))
        assert (await answer.json())["results"][0]["outcome"] == "done"
        assert {one[1:] for one in await outcomes(database)} == {("withdrawn", "api")}
        assert [one["id"] for one in await waiting(http)] == [other]
        await report(http, comment_id, 404, client="192.0.2.9")
        await decide(http, "undo", comment_id)
        assert [one["id"] for one in await waiting(http)] == [comment_id, other]
        async with database.read() as connection:
            for name in consistency.NAMES:
                assert await consistency.count(connection, name) == 0, name


@SQLITE
async def test_only_what_is_public_can_be_reported_and_all_else_looks_alike(http: ClientSession) -> None:
    pending = (await post(http))["id"]
    unknown = "01900000-0000-7000-8000-000000000000"
    answers = set()
    for one in (pending, unknown, "no-id"):
        page = await http.get(f"/comments/{one}/report")
        sent = await http.post(f"/comments/{one}/report", data=a_report())
        told = await http.post(f"/api/v1/comments/{one}/reports", json=a_report())
        answers.add(
            (page.status, await page.text(), sent.status, await sent.text(), told.status, await told.text())
        )
    [(page_status, _, sent_status, _, told_status, _)] = answers
    assert (page_status, sent_status, told_status) == (404, 404, 404)


@SQLITE
async def test_the_page_takes_a_report_without_script_and_loses_nothing(
    http: ClientSession, database: Database
) -> None:
    comment_id = await published(http)
    path = f"/comments/{comment_id}/report"
    page = await http.get(path, headers={"Accept-Language": "de"})
    text = await page.text()
    assert (page.status, page.headers["X-Robots-Tag"]) == (200, "noindex")
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "interessante" in text_of(text)
    assert '<option value="personal_data">Persönliche Daten</option>' in text
    form = Form(text).values
    wrong = await http.post(path, data=form | {"reason": "insult", "explanation": " ", "reporter_email": "nobody"})
    assert wrong.status == 422
    again = await wrong.text()
    assert 'value="nobody"' in again
    assert '<option value="insult" selected>' in again
    unknown = await http.post(path, data=form | a_report(reason="gone"))
    assert unknown.status == 422
    sent = await http.post(path, data=form | a_report(reporter_email=REPORTER, reporter_name="Ada"))
    assert sent.status == 200
    assert "Grazie, la tua segnalazione è arrivata." in text_of(await sent.text())
    foreign = await http.post(path, data=form | a_report(), headers={"Origin": "https://attacker.example"})
    assert foreign.status == 403
    async with database.read() as connection:
        [row] = (await connection.execute(select(reports))).all()
    assert REPORTER.encode() not in row.address_sealed
    assert (row.reporter_name, row.is_suspect, row.times) == ("Ada", False, 1)
    honeypot = next(name for name in form if name.partition("_")[0] not in {"form", "explanation", "reporter"})
    filled = await http.post(path, data=form | a_report(explanation="Compra qui") | {honeypot: "x"})
    assert filled.status == 200
    listed = await (await http.get("/comments", params={"page_url": PAGE})).text()
    assert f'href="/comments/{comment_id}/report?lang=it"' in listed
    fragment = await (await http.get("/embed/comments.html", params={"page_url": PAGE})).text()
    assert f"https://comments.example.net/comments/{comment_id}/report?lang=it" in fragment


@SQLITE
async def test_a_thousand_reports_stay_bounded(start: Start, clock: Clock, database: Database) -> None:
    service = await start(clock=clock, trusted_proxies="127.0.0.0/8")
    async with client_of(service.url) as http:
        comment_id, other = await published(http), await published(http, body="altro")
        same = [await report(http, comment_id, client="192.0.2.1") for _ in range(3)]
        assert len(set(same)) == 1, "the same from one network is one"
        for number in range(5):
            await report(http, comment_id, client="192.0.2.2", explanation=f"e poi {number}")
        [entry] = [one for one in await waiting(http) if one["id"] == comment_id]
        assert entry["reports"]["count"] == MOST_OF_NETWORK
        refused = [
            await http.post(
                f"/api/v1/comments/{other}/reports",
                json=a_report(explanation=f"numero {number}"),
                headers={"X-Forwarded-For": "192.0.2.3"},
            )
            for number in range(20)
        ]
        assert {one.status for one in refused} == {202, 429}, (
            "they count with comments against the network's limit"
        )
        await asyncio.gather(
            *(
                report(http, comment_id, client=f"198.51.{number}.1", explanation=f"voce {number}")
                for number in range(60)
            )
        )
        [entry] = [one for one in await waiting(http) if one["id"] == comment_id]
        assert entry["reports"]["count"] == MOST_OF_NETWORK + 60
        assert len(entry["reports"]["explanations"]) == MOST_KEPT
    async with database.read() as connection:
        rows = (await connection.execute(select(reports.c.id).where(reports.c.comment_id == comment_id))).all()
    assert len(rows) == MOST_KEPT


@SQLITE
async def test_the_desk_shows_reports_and_keeps_or_takes_down(
    http: ClientSession, smtp: MailServer, service: Running, clock: Clock, database: Database
) -> None:
    comment_id = await published(http)
    await report(http, comment_id)
    browser = await logged_in(http, smtp)
    listed = await (await browser.get("/desk")).text()
    assert "Segnalato una volta" in text_of(listed)
    assert "Offende mia sorella." in text_of(listed)
    shown = await browser.shown(f"/desk/comments/{comment_id}")
    answer = await browser.post(
        "/desk/decisions", shown | {"one": f"approve.{comment_id}.approved.1"}, Accept="application/json"
    )
    [result] = (await answer.json())["results"]
    assert (result["outcome"], result["status"], result["place"]) == ("done", "approved", "approved")
    page = text_of(await (await browser.get(f"/desk/comments/{comment_id}")).text())
    assert "Segnalazioni precedenti dei lettori" in page
    assert "il commento è rimasto" in page
    clock.advance(days=366)
    await retention.forget(database, clock(), sites=service.container.directory.sites)
    async with database.read() as connection:
        [row] = (await connection.execute(select(reports))).all()
        places = (await connection.execute(select(comments.c.report_place))).scalars().all()
    assert (row.explanation, row.network_hash, row.outcome) == (None, None, "kept")
    assert set(places) == {None}


@SQLITE
async def test_a_year_is_counted_for_a_transparency_page(
    http: ClientSession, environ: dict[str, str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone = await published(http), await published(http, body="altro")
    await report(http, kept)
    await report(http, gone, reason="illegal")
    clock.advance(hours=3)
    await decide(http, "approve", kept)
    rejected = {"id": gone, "decision": "reject", "reason": "illegal"}
    await http.post(DECISIONS, json={"decisions": [rejected]}, headers=bearer())
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    asked = ["reports", "--year", str(clock().year), "--json"]
    found = await asyncio.to_thread(CliRunner().invoke, cli.main, asked)
    assert found.exit_code == 0, found.output
    coop = json.loads(found.output)[0]
    assert coop["reports"] == {
        "received": 2,
        "suspicious": 0,
        "reasons": {"insult": 1, "illegal": 1},
        "outcomes": {"kept": 1, "withdrawn": 1},
        "decided_by": {"programs": 2},
        "median_seconds": 3 * 3600,
    }
    assert coop["decisions"]["decisions"]["approve"] == {"programs": 3}
    assert coop["decisions"]["reasons"] == {"illegal": 1}
    said = await asyncio.to_thread(CliRunner().invoke, cli.main, asked[:-1])
    assert "median time to the decision: 3 h 0 min" in said.output
    before = await asyncio.to_thread(CliRunner().invoke, cli.main, ["reports", "--year", "2001"])
    assert "Reports of published comments by readers: 0" in before.output
