"""Edits of published comments: readers see the old text until a moderator has approved the new one."""

from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession

from moderation_service.services.operations import consistency, retention
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import revisions
from tests.conftest import Clock, Start
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.desk import logged_in, text_of
from tests.support.factories import PAGE, bearer
from tests.support.forms import Form
from tests.support.mailed import ANNA, press
from tests.support.posting import COMMENTS, decide, decided, path_of, post
from tests.support.rows import all_rows
from tests.support.smtp import MailServer

OLD, NEW = "Il pane è buono.", "Il pane nero è ottimo."


async def approved(http: ClientSession, body: str = OLD) -> dict[str, Any]:
    """The receipt of a comment that everybody can read."""
    receipt = await post(http, body=body)
    await decide(http, "approve", receipt["id"])
    return receipt


async def edited(http: ClientSession, receipt: dict[str, Any], body: str = NEW) -> dict[str, Any]:
    answer = await http.patch(path_of(receipt), json={"body": body})
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def waiting(http: ClientSession) -> list[dict[str, Any]]:
    answer = await http.get("/api/v1/moderation/comments", params={"order": "queue"}, headers=bearer())
    found: list[dict[str, Any]] = (await answer.json())["comments"]
    return found


async def public_bytes(http: ClientSession, comment_id: str) -> list[str]:
    """All that shows readers a page, but for what changes with the time of day."""
    paths = (
        f"{COMMENTS}?page_url={PAGE}",
        f"{COMMENTS}/{comment_id}",
        f"/api/v1/counts?page_url={PAGE}",
        "/api/v1/latest?site=coop",
        f"/feeds/atom?page_url={PAGE}",
        f"/embed/comments.html?page_url={PAGE}",
    )
    return [await (await http.get(path)).text() for path in paths]


async def listed(http: ClientSession) -> list[str]:
    """The texts that everybody reads."""
    answer = await (await http.get(f"{COMMENTS}?page_url={PAGE}")).json()
    return [one["body"] for one in answer["comments"]]


async def changes(http: ClientSession) -> list[tuple[str, str]]:
    answer = await (await http.get("/api/v1/changes?site=coop&after=0")).json()
    return [(one["type"], one["comment"]["body"]) for one in answer["changes"]]


async def history(http: ClientSession, comment_id: str) -> list[tuple[str, int, str, str]]:
    answer = await http.get(f"/api/v1/moderation/comments/{comment_id}/history", headers=bearer())
    names = ("decision", "revision", "from_status", "to_status")
    return [tuple(one[name] for name in names) for one in (await answer.json())["history"]]


async def audited(database: Database) -> None:
    differences = await consistency.differences(database)
    assert not any(differences.values()), differences


async def test_an_edit_waits_while_everybody_reads_the_old_text(
    start: Start, smtp: MailServer, clock: Clock, database: Database
) -> None:
    service = await start(clock=clock)
    async with client_of(service.url) as http:
        receipt = await approved(http)
        comment_id = receipt["id"]
        before, mails = await public_bytes(http, comment_id), len(smtp.mails)
        clock.advance(hours=30)
        own = await edited(http, receipt)
        assert (own["status"], own["body"], own["may_edit"]) == ("approved", OLD, True)
        assert own["edit"]["body"] == NEW
        assert await public_bytes(http, comment_id) == before
        assert await changes(http) == [("published", OLD)]
        [entry] = await waiting(http)
        assert (entry["id"], entry["status"], entry["revision"], entry["body"]) == (comment_id, "approved", 2, OLD)
        assert entry["edit"]["body"] == NEW
        assert [(one["kind"], one["text"]) for one in entry["edit"]["difference"]] == [
            ("kept", "Il pane "),
            ("added", "nero "),
            ("kept", "è "),
            ("removed", "buono"),
            ("added", "ottimo"),
            ("kept", "."),
        ]
        told = [one for one in (await smtp.wait_for(mails + 2))[mails:] if one.recipients == (ANNA,)]
        [mail] = told
        assert "ha modificato un commento pubblicato" in mail.message["Subject"]
        assert all(line in mail.text() for line in ("> + nero", "> − buono", "> + ottimo"))
        assert '<del class="w"' in mail.html()
        await audited(database)
        unseen = await all_rows(database)
        approve = urlsplit(mail.link("/approve")).path
        page = await (await http.get(approve)).text()
        assert "L’autore ha modificato questo commento" in text_of(page)
        assert "<del>" in page
        assert "Approva la modifica" in text_of(page)
        assert await all_rows(database) == unseen
        assert await decided(http, comment_id, revision=1) == "conflict"
        assert (await press(http, approve, "pending")).status == 409

        third = await edited(http, receipt, "Il pane nero è buonissimo.")
        assert third["edit"]["body"] == "Il pane nero è buonissimo."
        late = await press(http, approve, "approved")
        assert late.status == 409
        assert "L’autore ha modificato il testo dopo l’invio" in text_of(await late.text())
        assert await decided(http, comment_id, revision=2) == "conflict"
        taken = await press(http, approve, "approved", revision=3)
        assert taken.status == 200, "who has seen the newest text behind an older link decides on it"
        assert await listed(http) == ["Il pane nero è buonissimo."]
        assert await changes(http) == [("updated", "Il pane nero è buonissimo.")]
        assert await waiting(http) == []
        await audited(database)


async def test_a_decision_on_an_edit_is_undone_as_any_other(
    start: Start, smtp: MailServer, clock: Clock, database: Database
) -> None:
    service = await start(clock=clock)
    async with client_of(service.url) as http:
        receipt = await approved(http)
        comment_id = receipt["id"]
        mails = len(smtp.mails)
        clock.advance(hours=30)
        await edited(http, receipt, "via")
        await edited(http, receipt)
        mail = (await smtp.wait_for(mails + 2))[-1]
        approve, reject, undo = (
            urlsplit(mail.link("/approve")).path.replace("approve", one) for one in ("approve", "reject", "undo")
        )
        assert (await press(http, approve, "approved", revision=3)).status == 200
        assert await listed(http) == [NEW]
        undone = await press(http, undo, "approved", revision=3)
        assert undone.status == 200, await undone.text()
        assert await listed(http) == [OLD]
        assert await changes(http) == [("updated", OLD)]
        [again] = await waiting(http)
        assert (again["revision"], again["edit"]["body"]) == (3, NEW)
        assert (await press(http, reject, "approved", revision=3)).status == 200
        assert await listed(http) == [OLD]
        assert await waiting(http) == []
        assert (await press(http, reject, "approved", revision=3)).status == 409, "the same button rejects no more"
        assert await decided(http, comment_id, "undo") == "done"
        assert (await waiting(http))[0]["revision"] == 3
        assert await decided(http, comment_id, "undo") == "conflict"
        assert await decided(http, comment_id, "spam") == "done"
        assert await listed(http) == []
        assert await decided(http, comment_id, "undo") == "done"
        assert await listed(http) == [OLD]
        assert await decided(http, comment_id) == "done"
        assert await listed(http) == [NEW]
        assert await history(http, comment_id) == [
            ("approve", 1, "pending", "approved"),
            ("edit", 2, "approved", "approved"),
            ("edit", 3, "approved", "approved"),
            ("approve", 3, "approved", "approved"),
            ("undo", 3, "approved", "approved"),
            ("reject", 3, "approved", "approved"),
            ("undo", 3, "approved", "approved"),
            ("spam", 3, "approved", "spam"),
            ("undo", 3, "spam", "approved"),
            ("approve", 3, "approved", "approved"),
        ]
        await audited(database)
        kept = [row[3] for row in (await all_rows(database))[revisions.name]]
        assert kept == [OLD]
        clock.advance(hours=25)
        await retention.forget(database, clock(), sites=service.container.directory.sites)
        assert (await all_rows(database))[revisions.name] == []
        await audited(database)


async def test_an_author_takes_an_edit_back_and_may_edit_again(
    http: ClientSession, database: Database, smtp: MailServer
) -> None:
    receipt = await approved(http)
    assert (await http.delete(path_of(receipt))).status == 409
    await edited(http, receipt)
    rows = await all_rows(database)
    await edited(http, receipt)
    assert await all_rows(database) == rows, "the same text changes nothing"
    back = await (await http.delete(path_of(receipt))).json()
    assert (back["status"], back["body"], back["edit"]) == ("approved", OLD, None)
    assert await waiting(http) == []
    await audited(database)
    await edited(http, receipt, "altro")
    assert [one["revision"] for one in await waiting(http)] == [3]
    assert (await edited(http, receipt, OLD))["edit"] is None
    assert await waiting(http) == []
    page = await (await http.get(urlsplit(receipt["receipt_url"]).path)).text()
    form = Form(page).values
    answer = await http.post(urlsplit(receipt["receipt_url"]).path, data=form | {"body": NEW, "do": "edit"})
    assert "La tua modifica è in attesa di approvazione" in await answer.text()
    stale = await http.post(urlsplit(receipt["receipt_url"]).path, data=form | {"do": "withdraw"})
    assert stale.status == 409
    assert [one["edit"]["body"] for one in await waiting(http)] == [NEW]
    assert [line[:2] for line in await history(http, receipt["id"])] == [
        ("approve", 1),
        ("edit", 2),
        ("withdraw", 2),
        ("edit", 3),
        ("withdraw", 3),
        ("edit", 4),
    ]
    anna = await logged_in(http, smtp)
    desk = text_of(await (await anna.get(f"/desk/comments/{receipt['id']}")).text())
    assert "Modifica ritirata dall’autore" in desk
    assert "versione 4 del testo" in desk
    assert "Approva , Modifiche al commento: Giuliana" in text_of(await (await anna.get("/desk")).text())
    await audited(database)


async def test_reports_stay_open_where_an_edit_is_rejected(http: ClientSession, database: Database) -> None:
    receipt = await approved(http)
    report = {"reason": "insult", "explanation": "Offende."}
    await edited(http, receipt)
    assert (await http.post(f"{COMMENTS}/{receipt['id']}/reports", json=report)).status == 202
    [entry] = await waiting(http)
    assert (entry["edit"]["body"], entry["reports"]["count"]) == (NEW, 1)
    await audited(database)
    assert await decided(http, receipt["id"], "reject") == "done"
    [entry] = await waiting(http)
    assert (entry["edit"], entry["reports"]["count"], entry["revision"]) == (None, 1, 1)
    await edited(http, receipt, "un altro")
    assert await decided(http, receipt["id"]) == "done"
    assert await waiting(http) == [], "who publishes a text has seen what was reported"
    assert await decided(http, receipt["id"], "undo") == "done"
    [entry] = await waiting(http)
    assert (entry["edit"]["body"], entry["reports"]["count"]) == ("un altro", 1)
    await audited(database)


@only_sqlite
async def test_an_edit_is_screened_as_a_comment_is(http: ClientSession) -> None:
    receipt = await approved(http)
    links = " ".join(f"https://example.com/{number}" for number in range(8))
    await edited(http, receipt, links)
    [entry] = await waiting(http)
    assert "many_links" in [one["code"] for one in entry["spam_reasons"]]
    assert (await http.patch(path_of(receipt), json={"body": " "})).status == 422
