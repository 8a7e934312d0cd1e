"""The author's receipt: who has it reads one comment, and edits and withdraws it while it waits."""

import asyncio
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from moderation_service.services.operations import consistency
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments
from tests.conftest import Clock, Start
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.desk import logged_in
from tests.support.factories import PAGE, a_submission, bearer
from tests.support.mailed import ANNA, press
from tests.support.posting import COMMENTS, decide, decided, path_of, post, queued
from tests.support.rows import all_rows
from tests.support.running import Running
from tests.support.smtp import MailServer

KEY = {"Idempotency-Key": "a key"}
EDITED = "molto **interessante**"


async def test_the_receipt_is_given_to_whoever_posts_and_to_nobody_else(
    http: ClientSession, service: Running, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    first = await post(http, headers=KEY)
    public_url = service.container.settings.public_url
    assert re.fullmatch(re.escape(public_url) + "/receipts/[A-Za-z0-9_-]{43}", first["receipt_url"])
    assert await post(http, headers=KEY) == first, "the same request gives the same receipt"
    token = first["receipt_url"].rpartition("/")[2]
    duplicate = await http.post(COMMENTS, json=a_submission())
    assert duplicate.status == 409
    told = [await duplicate.text(), str(duplicate.headers)]
    form = await http.post(COMMENTS, data=a_submission(), allow_redirects=False)
    assert form.status == 303
    told += [str(form.headers)]
    other = await post(http, body="un altro")
    assert path_of(other) != path_of(first)
    read = await http.get(path_of(first))
    assert read.headers["Cache-Control"] == "no-store"
    assert read.headers["Referrer-Policy"] == "no-referrer"
    assert "Content-Encoding" not in read.headers
    await decide(http, "approve", first["id"])
    for path in (f"{COMMENTS}?page_url={PAGE}", f"{COMMENTS}/{first['id']}", "/api/v1/changes?site=coop"):
        told.append(await (await http.get(path)).text())
    written = capsys.readouterr()
    told += [written.out, written.err, str(await all_rows(database))]
    assert [text for text in told if token in text] == []
    async with database.read() as connection:
        kept = select(comments.c.receipt_hash).where(comments.c.id == first["id"])
        assert (await connection.execute(kept)).scalar_one() == sha256(token.encode()).digest()


async def test_an_author_reads_edits_and_withdraws_what_waits(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    receipt = await post(http)
    path = path_of(receipt)
    await smtp.wait_for(2)
    links = [urlsplit(mail.link("/approve")).path for mail in smtp.mails]
    seen = {
        "id": receipt["id"],
        "status": "pending",
        "body": "interessante…",
        "body_html": "<p>interessante…</p>\n",
        "page_url": PAGE,
        "created_at": receipt["created_at"],
        "may_edit": True,
        "edit": None,
        "reason": None,
        "statement": None,
        "may_object": False,
        "objection": None,
        "original": None,
        "redacted": False,
    }
    assert await (await http.get(path)).json() == seen
    before = await all_rows(database)
    assert (await http.patch(path, json={"body": "interessante…"})).status == 200
    assert await all_rows(database) == before, "the same text changes nothing"
    answer = await http.patch(path, json={"body": f" {EDITED}\r\n"})
    assert answer.status == 200
    assert await answer.json() == seen | {
        "body": EDITED,
        "body_html": "<p>molto <strong>interessante</strong></p>\n",
    }
    [waiting] = await queued(http)
    assert (waiting["body"], waiting["revision"], waiting["status"]) == (EDITED, 2, "pending")
    for link in links:
        shown = await http.get(link)
        assert shown.status == 200
        assert "since this message was sent" in await shown.text() or "dopo l’invio di" in await shown.text()
        late = await press(http, link)
        assert late.status == 409
        assert "molto <strong>interessante</strong>" in await late.text()
    assert (await queued(http))[0]["status"] == "pending"
    assert await decided(http, receipt["id"], revision=1) == "conflict"
    answer = await http.delete(path)
    assert (answer.status, (await answer.json())["status"], (await answer.json())["may_edit"]) == (
        200,
        "withdrawn",
        False,
    )
    assert (await http.delete(path)).status == 200, "what is withdrawn stays so"
    assert (await http.patch(path, json={"body": "ancora"})).status == 409
    assert [await decided(http, receipt["id"], one) for one in ("approve", "undo")] == ["conflict", "conflict"]
    answer = await http.get(f"/api/v1/moderation/comments/{receipt['id']}/history", headers=bearer())
    names = ("decision", "from_status", "to_status", "means")
    lines = [tuple(one[name] for name in names) for one in (await answer.json())["history"]]
    assert lines == [("edit", "pending", "pending", "author"), ("withdraw", "pending", "withdrawn", "author")]
    for status, found in (("pending", []), ("withdrawn", [receipt["id"]]), ("rejected", [])):
        answer = await http.get(f"/api/v1/moderation/comments?status={status}", headers=bearer())
        assert [one["id"] for one in (await answer.json())["comments"]] == found
    assert (await http.get(f"{COMMENTS}/{receipt['id']}")).status == 404
    assert not any((await consistency.differences(database)).values())


async def test_moderators_are_notified_of_the_new_text_and_of_nothing_withdrawn(
    start: Start, smtp: MailServer, clock: Clock
) -> None:
    service = await start(clock=clock, mail_interval="60")
    async with client_of(service.url) as http:
        first = await post(http)
        await smtp.wait_for(2)
        edited = await http.patch(path_of(first), json={"body": EDITED})
        assert edited.status == 200
        second = await post(http, body="un altro")
        assert (await http.delete(path_of(second))).status == 200
        clock.advance(minutes=3)
        mails = (await smtp.wait_for(4))[2:]
        for mail in mails:
            assert mail.message["X-Comments"] == "1"
            assert "molto" in mail.text()
            assert "interessante…" not in mail.text()
            path = urlsplit(mail.link("/approve")).path
            assert (await http.get(path)).status == 200
        assert (await press(http, path)).status == 200
        assert (await http.delete(path_of(first))).status == 409
        answer = await http.get(path_of(first))
        assert [(await answer.json())[name] for name in ("status", "body", "may_edit")] == [
            "approved",
            EDITED,
            True,
        ]


@only_sqlite
async def test_a_mailed_link_says_that_the_author_has_withdrawn_the_comment(
    http: ClientSession, smtp: MailServer
) -> None:
    receipt = await post(http)
    mails = await smtp.wait_for(2)
    [mail] = [one for one in mails if ANNA in one.recipients]
    path = urlsplit(mail.link("/approve")).path
    assert (await http.delete(path_of(receipt))).status == 200
    for answer, status in ((await http.get(path), 200), (await press(http, path), 409)):
        text = await answer.text()
        assert answer.status == status
        assert "ha ritirato questo commento" in text
        assert "interessante…" not in text
        assert "<textarea" not in text


def b64(token: str) -> bytes:
    return urlsafe_b64decode(f"{token}=")


@only_sqlite
async def test_what_is_no_receipt_is_not_found_and_nothing_tells_why(http: ClientSession) -> None:
    token, other = [path_of(await post(http, body=one)).rpartition("/")[2] for one in ("uno", "due")]
    told = set()
    of_another = urlsafe_b64encode(b64(other)[:16] + b64(token)[16:]).decode().rstrip("=")
    for wrong in (
        *("x", "A" * 43, "é" * 43, f"{token[:-6]}AAAAAA", f"AAAAAA{token[6:]}", f"{token}=", token[:-1]),
        of_another,
    ):
        for method, body in (("GET", None), ("PATCH", {"body": "x"}), ("DELETE", None)):
            answer = await http.request(method, f"/api/v1/receipts/{wrong}", json=body)
            told.add((answer.status, await answer.text()))
            assert answer.headers["Referrer-Policy"] == "no-referrer"
    [(status, _)] = told
    assert status == 404


@only_sqlite
async def test_a_form_leads_back_to_a_note_that_is_no_receipt(http: ClientSession, clock: Clock) -> None:
    async def shown(note: str) -> tuple[str, str]:
        answer = await http.get("/comments", params={"page_url": PAGE, "comment_receipt": note})
        return answer.headers["Cache-Control"], await answer.text()

    answers = [await http.post(COMMENTS, data=a_submission(), allow_redirects=False) for _ in range(2)]
    first, duplicate = [answer.headers["Location"] for answer in answers]
    [waiting] = await queued(http)
    parts = urlsplit(first)
    assert parts._replace(query="", fragment="").geturl() == duplicate == PAGE
    assert parts.fragment == f"comment-{waiting['id']}"
    [note] = parse_qs(parts.query)["comment_receipt"]
    assert (await http.get(f"/api/v1/receipts/{note}")).status == 404
    cache, text = await shown(note)
    assert cache == "no-store"
    assert f'id="{parts.fragment}" role="status"' in text
    assert "interessante…" not in text
    assert "comment_receipt" not in text
    for wrong in (note[:-2], f"{note}x", "x"):
        assert 'role="status"' not in (await shown(wrong))[1]
    clock.advance(minutes=10, seconds=2)
    assert 'role="status"' not in (await shown(note))[1]
    again = await http.post(COMMENTS, data=a_submission(page_url=first), allow_redirects=False)
    [note] = parse_qs(urlsplit(again.headers["Location"]).query)["comment_receipt"]
    assert 'role="status"' in (await shown(note))[1]
    await decide(http, "reject", (await queued(http))[1]["id"])
    assert 'role="status"' not in (await shown(note))[1], "it says that the comment waits, and no more"


@only_sqlite
async def test_an_edit_is_checked_as_a_comment_is(http: ClientSession) -> None:
    path = path_of(await post(http))
    for body, status, code in (
        ({"body": " \n"}, 422, "required"),
        ({"body": "x" * 65_526}, 422, "too_long"),
        ({}, 422, "required"),
        ({"body": "x", "author_name": "Anna"}, 422, "unknown_field"),
    ):
        answer = await http.patch(path, json=body)
        assert answer.status == status
        assert code in await answer.text()
    assert (await http.patch(path, json={"body": "x" * 65_525})).status == 200
    assert (await http.patch(path, data={"body": "x"})).status == 415
    assert (await http.patch(path, data=b"{", headers={"Content-Type": "application/json"})).status == 400
    assert (await http.patch(path, data=b"x" * 300_000)).status == 413
    foreign = {"Origin": "https://evil.example"}
    assert (await http.patch(path, json={"body": "y"}, headers=foreign)).status == 403
    assert (await http.delete(path, headers=foreign)).status == 403
    [waiting] = await queued(http)
    assert waiting["body"] == "x" * 65_525


@only_sqlite
async def test_the_scripts_of_the_site_alone_may_use_a_receipt(http: ClientSession) -> None:
    path = path_of(await post(http))
    ours = {"Origin": "https://www.example.org"}
    asked = ours | {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "content-type"}
    answer = await http.options(path, headers=asked)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ours["Origin"]
    assert {"GET", "PATCH", "DELETE"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    for method, body in (("GET", None), ("PATCH", {"body": "altro"}), ("DELETE", None)):
        answer = await http.request(method, path, json=body, headers=ours)
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == ours["Origin"]
    answer = await http.get(path, headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_edits_count_as_posts_of_their_network(start: Start, clock: Clock) -> None:
    service = await start(clock=clock)
    async with client_of(service.url) as http:
        path = path_of(await post(http))
        for number in range(19):
            assert (await http.patch(path, json={"body": f"il numero {number}"})).status == 200
        refused = await http.patch(path, json={"body": "uno di troppo"})
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert (await http.post(COMMENTS, json=a_submission(body="altro"))).status == 429
        assert (await http.delete(path)).status == 200, "withdrawing is never too often"
        clock.advance(minutes=11)
        assert (await http.post(COMMENTS, json=a_submission(body="altro"))).status == 202


async def test_an_edit_and_a_decision_at_the_same_moment_do_not_both_win(start: Start, clock: Clock) -> None:
    service = await start(clock=clock, screening="off")
    winners = set()
    async with client_of(service.url) as http:
        for number in range(12):
            receipt = await post(http, body=f"il numero {number}")
            edit = http.patch(path_of(receipt), json={"body": f"altrimenti {number}"})
            decision = decided(http, receipt["id"], revision=1)
            if number % 2:
                answer, outcome = await asyncio.gather(edit, decision)
            else:
                outcome, answer = await asyncio.gather(decision, edit)
            assert (answer.status, outcome) in ((200, "conflict"), (200, "done"))
            winners.add(outcome)
            standing = await (await http.get(path_of(receipt))).json()
            if outcome == "conflict":
                assert (standing["status"], standing["body"]) == ("pending", f"altrimenti {number}")
            else:
                assert (standing["status"], standing["body"]) == ("approved", f"il numero {number}")
                assert standing["edit"]["body"] == f"altrimenti {number}"
                continue
            withdrawal, late = await asyncio.gather(
                http.delete(path_of(receipt)), decided(http, receipt["id"], "reject", expected_status="pending")
            )
            assert (withdrawal.status, late) in ((200, "conflict"), (409, "done"), (409, "conflict"))


@only_sqlite
async def test_an_edit_is_weighed_anew(http: ClientSession) -> None:
    receipt = await post(http)
    spam = " ".join(f"https://example.com/{number}" for number in range(8))
    assert (await http.patch(path_of(receipt), json={"body": spam})).status == 200
    [waiting] = await queued(http)
    assert waiting["spam_reasons"]


@only_sqlite
async def test_the_desk_shows_who_edited_and_withdrew(http: ClientSession, smtp: MailServer) -> None:
    receipt = await post(http)
    await http.patch(path_of(receipt), json={"body": EDITED})
    await http.delete(path_of(receipt))
    anna = await logged_in(http, smtp)
    text = await (await anna.get(f"/desk/comments/{receipt['id']}")).text()
    assert "Modificato dall’autore" in text
    assert "Ritirato dall’autore" in text
    assert not re.search(r'<button class="button approve"(?![^>]*hidden)', text)
    assert "Ritirato" in await (await anna.get("/desk?status=any")).text()
    assert receipt["id"] not in await (await anna.get("/desk")).text()
