"""Passages that moderators take out: readers see a mark, moderators and the author see what stood there."""

from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession

from moderation_service.services.operations import consistency, deletion, retention
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import recent_posts, revisions
from tests.conftest import Clock, Start
from tests.support.authors import mail_to, prove
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.desk import logged_in, text_of
from tests.support.factories import PAGE, bearer
from tests.support.mailed import post as post_and_mail
from tests.support.mailed import pressed
from tests.support.posting import COMMENTS, decided, path_of, post
from tests.support.rows import all_rows
from tests.support.smtp import MailServer

SECRET = "zelinda-4711"
ORIGINAL = f"Scrivetemi! Il mio numero è {SECRET}, la sera."
LEFT = "Scrivetemi! Il mio numero è , la sera."
SHOWN = "Scrivetemi! Il mio numero è […], la sera."
PUBLIC = (
    f"{COMMENTS}?page_url={PAGE}",
    f"{COMMENTS}?page_url={PAGE}&view=threads",
    "/api/v1/latest?site=coop",
    "/api/v1/changes?site=coop&after=0",
    f"/feeds/atom?page_url={PAGE}",
    f"/feeds/json?page_url={PAGE}",
    f"/embed/comments.html?page_url={PAGE}",
    f"/comments?page_url={PAGE}",
)
MARK = "Accorciato dalla moderazione"


async def listed(http: ClientSession) -> list[tuple[str, bool]]:
    answer = await (await http.get(PUBLIC[0])).json()
    return [(one["body"], one["redacted"]) for one in answer["comments"]]


async def assert_hidden(http: ClientSession, comment_id: str) -> None:
    """No byte that is public has the word that was taken out."""
    for path in (*PUBLIC, f"{COMMENTS}/{comment_id}", f"/comments/{comment_id}/report"):
        answer = await http.get(path)
        assert answer.status == 200, path
        text = await answer.text()
        assert SECRET not in text, path
        assert "[…]" in text or "\\u2026" in text, path
    for path in PUBLIC[4:]:
        assert MARK in await (await http.get(path)).text(), path


async def changes(http: ClientSession) -> list[tuple[str, str, bool]]:
    answer = await (await http.get(PUBLIC[3])).json()
    return [(one["type"], one["comment"]["body"], one["comment"]["redacted"]) for one in answer["changes"]]


async def queued(http: ClientSession, comment_id: str) -> dict[str, Any]:
    answer = await http.get("/api/v1/moderation/comments", headers=bearer())
    [found] = [one for one in (await answer.json())["comments"] if one["id"] == comment_id]
    return dict(found)


async def history(http: ClientSession, comment_id: str) -> list[tuple[str, int, str, str]]:
    answer = await http.get(f"/api/v1/moderation/comments/{comment_id}/history", headers=bearer())
    names = ("decision", "revision", "from_status", "to_status")
    return [tuple(one[name] for name in names) for one in (await answer.json())["history"]]


async def refused(http: ClientSession, comment_id: str, **asked: Any) -> list[str]:
    """The codes with which a redaction is refused."""
    body = {"decisions": [{"id": comment_id, "decision": "redact"} | asked]}
    answer = await http.post("/api/v1/moderation/decisions", json=body, headers=bearer())
    assert answer.status == 422
    return [one["code"] for one in (await answer.json())["errors"]["decisions.0.body"]]


async def audited(database: Database) -> None:
    differences = await consistency.differences(database)
    assert not any(differences.values()), differences


async def test_what_is_taken_out_is_for_moderators_and_the_author_alone(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    receipt = await post(http, body=ORIGINAL)
    await smtp.wait_for(2)
    comment_id = receipt["id"]
    fingerprints = (await all_rows(database))[recent_posts.name]
    assert await decided(http, comment_id, "redact", body=LEFT, revision=1, reason="personal_data") == "done"
    assert await listed(http) == [(SHOWN, True)]
    assert await changes(http) == [("published", SHOWN, True)]
    await assert_hidden(http, comment_id)
    shown = await queued(http, comment_id)
    assert (shown["body"], shown["original"], shown["redacted"], shown["revision"]) == (SHOWN, ORIGINAL, True, 2)
    own = await (await http.get(path_of(receipt))).json()
    assert (own["body"], own["original"], own["redacted"]) == (SHOWN, ORIGINAL, True)
    assert (own["reason"]["code"], own["statement"]["decided_by"]) == ("personal_data", "program")
    assert own["may_object"] is False
    page = await (await http.get(urlsplit(receipt["receipt_url"]).path)).text()
    assert f"{SECRET}<span" in page
    assert "È stato pubblicato senza alcuni passaggi." in text_of(page)
    assert await history(http, comment_id) == [("redact", 1, "pending", "approved")]
    assert (await all_rows(database))[recent_posts.name] == fingerprints, "a repetition is still recognised"
    await audited(database)
    rows = await all_rows(database)
    assert await decided(http, comment_id, "redact", body=LEFT, revision=1) == "conflict"
    assert await decided(http, comment_id, "redact", body=SHOWN, revision=2) == "unchanged"
    assert await all_rows(database) == rows


async def test_nothing_can_be_added(http: ClientSession, smtp: MailServer, database: Database) -> None:
    comment_id = (await post(http, body=ORIGINAL))["id"]
    await smtp.wait_for(2)
    rows = await all_rows(database)
    assert await refused(http, comment_id, body="Scrivetemi! Il mio numero è segreto") == ["redaction_adds"]
    assert await refused(http, comment_id, body=ORIGINAL) == ["redaction_unchanged"]
    assert await refused(http, comment_id, body="!") == ["redaction_empty"]
    assert await refused(http, comment_id) == ["required"]
    assert await refused(http, comment_id, decision="approve", body=LEFT) == ["contradicts"]
    assert await all_rows(database) == rows
    other = (await post(http, body="altro"))["id"]
    asked = [{"id": other, "decision": "approve"}, {"id": comment_id, "decision": "redact", "body": "falso"}]
    answer = await http.post("/api/v1/moderation/decisions", json={"decisions": asked}, headers=bearer())
    found = (await answer.json())["errors"]
    assert [one["code"] for one in found["decisions.1.body"]] == ["redaction_adds"]
    assert "falso" in found["decisions.1.body"][0]["message"]
    assert await listed(http) == [], "all of a request is taken, or nothing"


async def test_an_undo_gives_back_state_and_text(http: ClientSession, database: Database) -> None:
    receipt = await post(http, body=ORIGINAL)
    comment_id = receipt["id"]
    assert await decided(http, comment_id, "redact", body=LEFT) == "done"
    assert await decided(http, comment_id, "undo") == "done"
    found = await queued(http, comment_id)
    assert (found["status"], found["body"], found["redacted"], found["original"]) == (
        "pending",
        ORIGINAL,
        False,
        None,
    )
    assert (await all_rows(database))[revisions.name] == []
    await audited(database)
    assert await decided(http, comment_id) == "done"
    assert await decided(http, comment_id, "redact", body=LEFT) == "done"
    assert await changes(http) == [("updated", SHOWN, True)]
    less = "Scrivetemi! […], la sera."
    assert await decided(http, comment_id, "redact", body=less) == "done"
    found = await queued(http, comment_id)
    assert (found["body"], found["original"], found["revision"]) == (less, ORIGINAL, 4)
    assert await decided(http, comment_id, "undo") == "done"
    found = await queued(http, comment_id)
    assert (found["body"], found["original"], found["revision"]) == (SHOWN, ORIGINAL, 3)
    assert await changes(http) == [("updated", SHOWN, True)]
    assert await decided(http, comment_id, "undo") == "conflict"
    await audited(database)
    asked = [
        {"id": comment_id, "decision": "redact", "body": less},
        {"id": comment_id, "decision": "undo"},
        {"id": comment_id, "decision": "reject"},
    ]
    answer = await http.post("/api/v1/moderation/decisions", json={"decisions": asked}, headers=bearer())
    assert {one["outcome"] for one in (await answer.json())["results"]} == {"done"}
    found = await queued(http, comment_id)
    assert (found["status"], found["body"], found["revision"]) == ("rejected", SHOWN, 3)
    await audited(database)
    assert await history(http, comment_id) == [
        ("redact", 1, "pending", "approved"),
        ("undo", 1, "approved", "pending"),
        ("approve", 1, "pending", "approved"),
        ("redact", 1, "approved", "approved"),
        ("redact", 3, "approved", "approved"),
        ("undo", 3, "approved", "approved"),
        ("redact", 3, "approved", "approved"),
        ("undo", 3, "approved", "approved"),
        ("reject", 3, "approved", "rejected"),
    ]


async def test_the_author_edits_what_was_left(http: ClientSession, database: Database) -> None:
    receipt = await post(http, body=ORIGINAL)
    comment_id = receipt["id"]
    await decided(http, comment_id, "redact", body=LEFT)
    page = await (await http.get(urlsplit(receipt["receipt_url"]).path)).text()
    assert f">{SHOWN}</textarea>" in page, "what is to be edited is what readers see"
    better = f"{SHOWN} Grazie!"
    await http.patch(path_of(receipt), json={"body": better})
    assert await listed(http) == [(SHOWN, True)]
    assert await decided(http, comment_id, "undo") == "conflict", "an edit waits"
    assert await decided(http, comment_id, revision=3) == "done"
    assert await listed(http) == [(better, True)], "it is without the passage still"
    assert (await queued(http, comment_id))["original"] is None, "these are the author's own words"
    await http.patch(path_of(receipt), json={"body": ORIGINAL})
    await assert_hidden(http, comment_id)
    assert await decided(http, comment_id, "redact", body=LEFT, revision=4) == "done"
    assert await listed(http) == [(SHOWN, True)]
    assert (await queued(http, comment_id))["original"] == ORIGINAL
    assert await decided(http, comment_id, "undo") == "done"
    found = await queued(http, comment_id)
    assert (found["body"], found["redacted"], found["edit"]["body"]) == (better, True, ORIGINAL)
    await audited(database)
    assert await decided(http, comment_id) == "done"
    assert await listed(http) == [(ORIGINAL, False)], "who approves the words again shows them"
    await http.patch(path_of(receipt), json={"body": "altro"})
    assert (await queued(http, comment_id))["revision"] == 6, "no number is given twice"
    await audited(database)


async def test_a_redaction_by_a_mailed_link(http: ClientSession, smtp: MailServer, database: Database) -> None:
    posted = await post_and_mail(http, smtp, body=ORIGINAL)
    path = posted.path("approve").replace("approve", "redact")
    rows = await all_rows(database)
    page = await (await http.get(path)).text()
    assert f">{ORIGINAL}</textarea>" in page
    assert page.index('action="redact"') < page.index('action="approve"'), "its form is the first of the page"
    wrong = await http.post(path, data=pressed(path) | {"body": "parole nuove"})
    assert wrong.status == 422
    text = await wrong.text()
    assert ">parole nuove</textarea>" in text
    assert "non c’è «parole»" in text_of(text)
    forged = await http.post(path, data={"seen": "pending", "body": LEFT})
    assert forged.status == 409
    assert f">{LEFT}</textarea>" in await forged.text(), "what was typed is not lost"
    assert await all_rows(database) == rows
    done = await http.post(path, data=pressed(path) | {"body": LEFT, "reason": "personal_data"})
    assert done.status == 200, await done.text()
    assert "<del>" in await done.text()
    assert await listed(http) == [(SHOWN, True)]
    later = await http.get(posted.path("approve", "paul@example.org"))
    assert "passages out of it and approved the rest" in text_of(await later.text())
    late = await http.post(path, data=pressed(path, "pending", revision=1) | {"body": LEFT})
    assert late.status == 409
    undone = await http.post(path.replace("redact", "undo"), data=pressed(path, "approved", revision=2))
    assert undone.status == 200
    assert await listed(http) == []
    await audited(database)


async def test_a_redaction_at_the_desk(http: ClientSession, smtp: MailServer, database: Database) -> None:
    comment_id = (await post(http, body=ORIGINAL))["id"]
    anna = await logged_in(http, smtp)
    path = f"/desk/comments/{comment_id}"
    page = await (await anna.get(path)).text()
    assert f">{ORIGINAL}</textarea>" in page
    shown = {"seen": "pending", "revision": "1", "reason": "", "note": ""}
    wrong = await anna.post(f"{path}/redaction", shown | {"body": "parole"})
    assert wrong.status == 422
    assert ">parole</textarea>" in await wrong.text()
    done = await anna.post(f"{path}/redaction", shown | {"body": LEFT, "note": "il numero"})
    assert (done.status, done.headers["Location"]) == (303, path)
    assert await listed(http) == [(SHOWN, True)]
    text = await (await anna.get(path)).text()
    assert SECRET in text
    assert "Passaggi tolti e resto approvato" in text_of(text)
    assert "il numero" in text
    stale = await anna.post(f"{path}/redaction", shown | {"body": LEFT})
    assert stale.status == 409
    assert f">{LEFT}</textarea>" in await stale.text()
    assert SECRET not in await (await anna.get("/desk?status=any&q=numero")).text()
    assert (await anna.get("/desk?said=redact.1.0")).status == 200
    await audited(database)


async def test_the_author_is_told_by_mail(start: Start, smtp: MailServer, clock: Clock) -> None:
    service = await start(clock=clock)
    async with client_of(service.url) as http:
        first = await post(http, body=ORIGINAL, notify_published=True)
        await prove(http, smtp)
        await decided(http, first["id"], "redact", body=LEFT, reason="personal_data")
        notice = await mail_to(smtp, count=2)
        assert "senza alcuni passaggi" in notice.text()
        assert "Motivo" in notice.text() or "motivo" in notice.text()
        assert SECRET not in notice.text() + notice.html()
        assert "[…]" in notice.text()
        await decided(http, first["id"], "redact", body="Scrivetemi!")
        clock.advance(minutes=6)
        statement = await mail_to(smtp, count=3)
        assert "Alcuni passaggi sono stati tolti dal tuo commento" in statement.message["Subject"]
        assert "Opponi" not in statement.text()
        assert SECRET not in statement.text() + statement.html()


@only_sqlite
async def test_the_original_is_deleted_with_what_was_rejected(
    start: Start, clock: Clock, database: Database
) -> None:
    service = await start(clock=clock)
    sites = service.container.directory.sites
    async with client_of(service.url) as http:
        receipt = await post(http, body=ORIGINAL)
        await decided(http, receipt["id"], "redact", body=LEFT)
        await deletion.delete_due(database, sites, clock())
        clock.advance(days=29)
        await retention.forget(database, clock(), sites=sites)
        await deletion.delete_due(database, sites, clock())
        assert len((await all_rows(database))[revisions.name]) == 1
        clock.advance(days=2)
        assert [one.rows for one in await deletion.plan(database, sites, clock()) if one.kind == "rejected"] == [1]
        await deletion.delete_due(database, sites, clock())
        assert (await all_rows(database))[revisions.name] == []
        assert await listed(http) == [(SHOWN, True)]
        own = await (await http.get(path_of(receipt))).json()
        assert (own["original"], own["redacted"]) == (None, True)
        page = text_of(await (await http.get(urlsplit(receipt["receipt_url"]).path)).text())
        assert "non è più conservato" in page
        await audited(database)
