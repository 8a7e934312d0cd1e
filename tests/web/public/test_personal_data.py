"""An author asks by a receipt for a copy of all that is kept, or its erasure; a mailed link and a button do it."""

from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession

from moderation_service.domain.comments.notices import PROOFS_OF_ADDRESS
from moderation_service.storage.engine.database import Database
from schemas.personal_data import KeptData
from tests.conftest import Clock
from tests.support.authors import mail_to
from tests.support.contract import keys_differ
from tests.support.factories import ADDRESS, OTHER_API_KEY, OTHER_PAGE
from tests.support.forms import Form
from tests.support.posting import COMMENTS, decide, post, published, queued
from tests.support.rows import all_rows, settled
from tests.support.smtp import Mail, MailServer

OTHER = "olaf@example.net"


def asking(receipt: dict[str, str]) -> str:
    """Where a script asks for something by a receipt."""
    return f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}/personal-data"


def path_in(mail: Mail) -> str:
    [found] = {urlsplit(link).path for link in mail.links() if "/personal-data/" in link}
    return found


async def asked(
    http: ClientSession, smtp: MailServer, receipt: dict[str, str], wish: str, *, count: int = 1
) -> str:
    """Ask for something, and return the path of the link that was mailed."""
    answer = await http.post(asking(receipt), json={"wish": wish})
    assert (answer.status, await answer.json()) == (202, {"wish": wish})
    return path_in(await mail_to(smtp, count=count))


async def pressed(http: ClientSession, path: str) -> tuple[int, str]:
    form = Form(await (await http.get(path)).text())
    assert urlsplit(form.action).path == path
    answer = await http.post(path, data=form.values)
    return answer.status, await answer.text()


async def test_an_author_gets_a_copy_of_all_that_is_kept_and_nothing_of_others(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    receipt = await post(http, body="il mio primo", author_url="https://giuliana.example/")
    second = await published(http, body="il mio secondo", author_email=ADDRESS.upper())
    await published(http, body="di un altro", author_email=OTHER, author_name="Olaf", parent_id=second)
    elsewhere = (await post(http, body="altrove", page_url=OTHER_PAGE))["id"]
    of_other = await published(http, body="di un terzo", author_email=OTHER)
    path = await asked(http, smtp, receipt, "export")
    mail = smtp.to(ADDRESS)[-1]
    report = {"reason": "insult", "explanation": "mi offende", "reporter_email": ADDRESS}
    assert (await http.post(f"{COMMENTS}/{of_other}/reports", json=report)).status == 202
    assert "il mio primo" not in mail.text()
    assert "Giuliana" not in mail.text()
    before = await all_rows(database)
    for method in ("get", "head"):
        assert (await getattr(http, method)(path)).status == 200
    assert (await http.post(path, data={"form_token": "x"})).status == 409, "no button of ours was pressed"
    assert await all_rows(database) == before
    form = Form(await (await http.get(path)).text())
    answer = await http.post(path, data=form.values)
    found = await answer.json()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="comments-coop.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert keys_differ(KeptData(), found) == []
    assert found["author_email"] == ADDRESS
    assert [(one["body"], one["status"]) for one in found["comments"]] == [
        ("il mio primo", "pending"),
        ("il mio secondo", "approved"),
    ]
    assert [one["decision"] for one in found["comments"][1]["decisions"]] == ["approve"]
    assert [one["explanation"] for one in found["reports"]] == ["mi offende"]
    assert len(found["mails_counted"]) == 2, "the link, and one that asks who reported"
    told = await answer.text()
    for foreign in ("di un altro", "di un terzo", "Olaf", OTHER, "altrove", elsewhere, "anna", "Anna"):
        assert foreign not in told


async def test_an_author_erases_all_at_that_site_and_the_feed_says_so(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    receipt = await post(http, body="in attesa")
    public = await published(http, body="pubblico")
    elsewhere = await post(http, body="altrove", page_url=OTHER_PAGE)
    other = await published(http, body="di un altro", author_email=OTHER)
    path = await asked(http, smtp, receipt, "erase")
    report = {"reason": "insult", "explanation": "mi offende", "reporter_email": ADDRESS}
    await http.post(f"{COMMENTS}/{other}/reports", json=report)
    status, page = await pressed(http, path)
    assert status == 200
    assert "2 commenti sono stati cancellati" in page
    feed = await (await http.get("/api/v1/changes?site=coop")).json()
    assert {one["comment_id"]: one["type"] for one in feed["changes"]} == {public: "erased", other: "published"}
    assert [one["id"] for one in await queued(http)] == [other]
    assert (await http.get(f"{COMMENTS}/{public}")).status == 404
    assert (await http.get(urlsplit(receipt["receipt_url"]).path)).status == 404
    assert (await http.get(path)).status == 410
    assert (await http.post(path, data={"form_token": "x"})).status == 410
    stored = repr(await all_rows(database))
    assert "mi offende" not in stored
    assert "pubblico" not in stored
    await decide(http, "approve", elsewhere["id"], key=OTHER_API_KEY)
    assert (await http.get(f"{COMMENTS}/{elsewhere['id']}")).status == 200


async def test_answers_are_equal_and_mails_few_whoever_asks(
    http: ClientSession, smtp: MailServer, database: Database, clock: Clock
) -> None:
    receipt = await post(http)
    page = await (await http.get(urlsplit(receipt["receipt_url"]).path)).text()
    values = Form(page).values
    answers = set()
    for _ in range(PROOFS_OF_ADDRESS + 2):
        answer = await http.post(
            f"{urlsplit(receipt['receipt_url']).path}/personal-data",
            data={"form_token": values["form_token"], "wish": "export"},
        )
        answers.add((answer.status, (await answer.text()).count("è in arrivo a quell’indirizzo")))
        await settled(database)
    assert answers == {(200, 1)}
    assert len(smtp.to(ADDRESS)) == PROOFS_OF_ADDRESS
    path = path_in(smtp.to(ADDRESS)[-1])
    clock.advance(days=1, seconds=1)
    assert (await http.get(path)).status == 410
    await asked(http, smtp, receipt, "erase", count=PROOFS_OF_ADDRESS + 1)
    wrongs: list[Any] = [{}, {"wish": "x"}, {"wish": "export", "other": 1}, []]
    for wrong in wrongs:
        assert (await http.post(asking(receipt), json=wrong)).status == 422
    assert (await http.post("/api/v1/receipts/none/personal-data", json={"wish": "export"})).status == 404
    assert (await http.get(f"{path}x")).status == 404
    own = urlsplit(receipt["receipt_url"]).path
    assert (await http.post(f"{own}/personal-data", data={"wish": "erase"})).status == 409
    await decide(http, "approve", receipt["id"])
