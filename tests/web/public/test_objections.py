"""An author objects to a rejection once, by the receipt: the comment waits again, with what its author says."""

from urllib.parse import urlsplit

from aiohttp import ClientSession

from moderation_service.domain.moderation.statements import STATEMENT_WAITS
from moderation_service.services.operations import consistency, erasing
from moderation_service.storage.engine.database import Database
from tests.conftest import Clock
from tests.support.authors import mail_to, prove
from tests.support.cases import only_sqlite
from tests.support.desk import logged_in, text_of
from tests.support.factories import ADDRESS, bearer
from tests.support.forms import Form
from tests.support.mailed import ANNA
from tests.support.posting import decide, post, queued
from tests.support.rows import all_rows, interval_is_back, settled
from tests.support.running import until
from tests.support.smtp import MailServer

WORDS = "Non volevo offendere <b>nessuno</b>."


async def history(http: ClientSession, comment_id: str) -> list[tuple[str, str, str, str]]:
    answer = await http.get(f"/api/v1/moderation/comments/{comment_id}/history", headers=bearer())
    names = ("decision", "from_status", "to_status", "means")
    return [tuple(one[name] for name in names) for one in (await answer.json())["history"]]


async def test_one_objection_by_the_form_brings_the_comment_back_and_a_second_is_refused(
    http: ClientSession, smtp: MailServer, database: Database, clock: Clock
) -> None:
    receipt = await post(http, notify_published=True)
    await prove(http, smtp)
    await settled(database)
    await decide(http, "reject", receipt["id"])
    clock.advance(seconds=STATEMENT_WAITS.total_seconds())
    mail = await mail_to(smtp, count=2)
    [path] = {urlsplit(link).path for link in mail.links() if "/receipts/" in link}
    assert "puoi presentare un’obiezione una sola volta" in " ".join(mail.text().split())
    await interval_is_back(database)
    before = await all_rows(database)
    form = Form(await (await http.get(path)).text()).values
    assert (await http.head(path)).status == 200
    fields = form | {"do": "object", "text": WORDS}
    for wrong in (fields | {"form_token": "x"}, {"do": "object", "text": WORDS}):
        assert (await http.post(path, data=wrong)).status == 409
    empty = await http.post(path, data=form | {"do": "object", "text": " "})
    assert (empty.status, 'aria-describedby="text-fault"' in await empty.text()) == (422, True)
    assert (await http.post(path, data=fields, headers={"Origin": "https://evil.example"})).status == 403
    assert await all_rows(database) == before, "neither looking nor a foreign press changes anything"
    mailed = len(smtp.to(ANNA))
    done = await http.post(path, data=fields)
    assert (done.status, "La tua obiezione è stata inviata." in await done.text()) == (200, True)
    [waiting] = await queued(http)
    assert (waiting["status"], waiting["objection"]["text"]) == ("pending", WORDS)
    await until(lambda: len(smtp.to(ANNA)) > mailed)
    told = smtp.to(ANNA)[-1]
    assert told.message["Subject"].startswith("[Associazione dell'Esempio] Giuliana contesta il rifiuto")
    assert "Non volevo offendere" in told.text()
    assert "&lt;b&gt;nessuno" in told.html()
    page = await (await http.get(urlsplit(told.link("/approve")).path)).text()
    assert "L’autore contesta il rifiuto: Non volevo offendere <b>nessuno</b>." in text_of(page)
    browser = await logged_in(http, smtp)
    for place in ("/desk", f"/desk/comments/{receipt['id']}"):
        shown = text_of(await (await browser.get(place)).text())
        assert "L’autore contesta il rifiuto: Non volevo offendere" in shown
    clock.advance(seconds=1)
    await decide(http, "reject", receipt["id"])
    assert await history(http, receipt["id"]) == [
        ("reject", "pending", "rejected", "api"),
        ("object", "rejected", "pending", "author"),
        ("reject", "pending", "rejected", "api"),
    ]
    clock.advance(seconds=STATEMENT_WAITS.total_seconds())
    final = await mail_to(smtp, count=3)
    assert "Hai già presentato un’obiezione" in " ".join(final.text().split())
    own = await (await http.get(f"/api/v1{path}")).json()
    assert (own["may_object"], own["objection"]["text"], own["statement"]["decided_by"]) == (
        False,
        WORDS,
        "program",
    )
    shown = await (await http.get(path)).text()
    assert ("<textarea" in shown, "Hai già presentato un’obiezione" in shown) == (False, True)
    again = await http.post(f"/api/v1{path}/objection", json={"text": "Ancora."})
    assert (again.status, (await again.json())["type"].rpartition(":")[2]) == (409, "not_objectable")
    assert not any((await consistency.differences(database)).values())
    done_with = await erasing.erase(database, [receipt["id"]], now=clock())
    assert done_with.comment_ids == [receipt["id"]]
    assert (await http.post(f"/api/v1{path}/objection", json={"text": "Ancora."})).status == 404
    assert not [name for name, rows in (await all_rows(database)).items() if "nessuno" in str(rows)]


@only_sqlite
async def test_only_what_is_rejected_can_be_objected_to_and_each_receipt_is_for_its_comment(
    http: ClientSession, smtp: MailServer, clock: Clock
) -> None:
    receipt = await post(http, notify_published=True)
    other = await post(http, body="un altro")
    await prove(http, smtp)
    path, other_path = (f"/api/v1{urlsplit(one['receipt_url']).path}/objection" for one in (receipt, other))
    assert (await http.post(path, json={"text": "Perché?"})).status == 409, "it waits still"
    await decide(http, "spam", receipt["id"], other["id"])
    assert (await http.post(path, json={"text": "Perché?"})).status == 409, "a spammer may write to the site"
    await decide(http, "reject", receipt["id"], other["id"])
    for wrong in (path.replace("/objection", "x/objection"), "/api/v1/receipts/x/objection"):
        assert (await http.post(wrong, json={"text": "Perché?"})).status == 404
    for body, status in (({"text": ""}, 422), ({"text": "x" * 5_001}, 422), ({}, 422), ({"text": 1}, 422)):
        assert (await http.post(path, json=body)).status == status
    elsewhere = await http.post(path, json={"text": "Perché?"}, headers={"Origin": "https://evil.example"})
    assert elsewhere.status == 403
    objected = await http.post(path, json={"text": "Perché?"})
    assert objected.status == 200
    assert (await objected.json())["status"] == "pending"
    clock.advance(seconds=STATEMENT_WAITS.total_seconds())
    assert [one["status"] for one in await queued(http)] == ["pending", "rejected"]
    assert (await http.post(other_path, json={"text": "Anch’io."})).status == 200
    await decide(http, "approve", receipt["id"])
    assert [one["status"] for one in await queued(http)] == ["approved", "pending"]
    assert "Perché?" not in await (await http.get("/comments", params={"page_url": receipt["page_url"]})).text()
    published = await (await http.get(f"/api/v1/comments/{receipt['id']}")).text()
    assert "Perché?" not in published
    assert len([one for one in smtp.to(ADDRESS) if "non è stato pubblicato" in str(one.message["Subject"])]) == 0
