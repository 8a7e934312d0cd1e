"""Deciding behind a mailed link: what was seen, by whom it was decided, and for how long it may change."""

import re
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.domain.accounts.sites import Sites
from moderation_service.services.operations import retention
from moderation_service.storage.engine.database import Database
from tests.conftest import Clock
from tests.support.cases import in_turn, one_engine
from tests.support.desk import logged_in, text_of
from tests.support.factories import bearer
from tests.support.mailed import ANNA, PAUL, Posted, post, press, pressed
from tests.support.rows import all_rows, interval_is_back
from tests.support.smtp import MailServer

HEADING = re.compile(r"<h1[^>]*>([^<]*)</h1>")
SEEN = re.compile(r'action="(\w+)"><input type="hidden" name="seen" value="(\w+)">')
STATUS_OF = {"approve": "approved", "reject": "rejected", "spam": "spam"}


async def decide(
    http: ClientSession, posted: Posted, decision: str, *, seen: str = "pending", by: str = ANNA
) -> ClientResponse:
    path = posted.path("approve", by).replace("/approve", f"/{decision}")
    return await press(http, path, seen)


async def history(http: ClientSession, posted: Posted) -> list[dict[str, Any]]:
    answer = await http.get(f"/api/v1/moderation/comments/{posted.id}/history", headers=bearer())
    assert answer.status == 200
    found: list[dict[str, Any]] = (await answer.json())["history"]
    return found


async def status(http: ClientSession, posted: Posted) -> str:
    answer = await http.get("/api/v1/moderation/comments", headers=bearer())
    [found] = [one["status"] for one in (await answer.json())["comments"] if one["id"] == posted.id]
    return str(found)


async def buttons(answer: ClientResponse) -> dict[str, str]:
    """The decisions that a page offers, each with the state that its form says was seen."""
    return dict(SEEN.findall(await answer.text()))


@pytest.mark.parametrize("decision", STATUS_OF)
async def test_each_link_offers_its_decision_first_and_takes_it(
    http: ClientSession, smtp: MailServer, decision: str
) -> None:
    posted = await post(http, smtp)
    shown = await http.get(posted.path(decision))
    page = await shown.text()
    assert await buttons(shown) == {"approve": "pending", "reject": "pending", "spam": "pending"}
    assert page.count(" full big") == 1
    assert re.search(rf'action="{decision}">(<input[^>]*>)*<button class="button {decision} full big">', page)
    assert await buttons(shown) == dict.fromkeys(dict.fromkeys([decision, *STATUS_OF]), "pending")
    assert next(iter(await buttons(shown))) == decision
    decided = await decide(http, posted, decision)
    assert decided.status == 200
    others = {one: STATUS_OF[decision] for one in STATUS_OF if one != decision}
    assert await buttons(decided) == others | {"undo": STATUS_OF[decision]}
    assert await status(http, posted) == STATUS_OF[decision]
    [line] = await history(http, posted)
    assert line == {
        "decision": decision,
        "revision": 1,
        "from_status": "pending",
        "to_status": STATUS_OF[decision],
        "actor": "Anna",
        "means": "link",
        "reason": None,
        "note": None,
        "answer_id": None,
        "at": "2026-11-22T10:00:00Z",
    }


async def test_the_same_decision_again_is_fine_and_writes_nothing(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    posted = await post(http, smtp)
    await decide(http, posted, "approve")
    await interval_is_back(database)
    before = await all_rows(database)
    for seen in ("pending", "approved", "spam"):
        for by in (ANNA, PAUL):
            assert (await decide(http, posted, "approve", seen=seen, by=by)).status == 200
    assert (await press(http, posted.path("approve"))).status == 200
    assert await all_rows(database) == before


UNPRESSED = [None, {}, {"seen": "pending"}, {"form_token": "0" * 32}, {"seen": "pending", "form_token": "0" * 32}]


@one_engine
@in_turn("data", UNPRESSED)
async def test_what_no_button_of_the_page_sent_decides_nothing_and_shows_the_button(
    http: ClientSession, smtp: MailServer, database: Database, data: dict[str, str] | None
) -> None:
    posted = await post(http, smtp, body=f"con {data}")
    before = await all_rows(database)
    for path in (posted.path("approve"), posted.path("spam", PAUL)):
        refused = await http.post(path, data=data, headers={"Sec-Fetch-Site": "same-origin"})
        assert refused.status == 409
        assert next(iter(await buttons(refused))) == path.rpartition("/")[2]
    assert await all_rows(database) == before


async def test_a_form_decides_only_behind_its_own_link_and_on_the_state_that_it_showed(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    one, other = await post(http, smtp), await post(http, smtp, body="un altro")
    before = await all_rows(database)
    for form in (pressed(other.path("approve")), pressed(one.path("approve", PAUL)) | {"seen": "pending"}):
        assert (await http.post(one.path("approve"), data=form)).status == 409
    stale = pressed(one.path("approve"), "spam") | {"seen": "pending"}
    assert (await http.post(one.path("approve"), data=stale)).status == 409
    assert (await press(http, one.path("approve"), "nonsense")).status == 422
    assert await all_rows(database) == before


@one_engine
@pytest.mark.parametrize("origin", ["null", "https://comments.example.net", None])
async def test_a_browser_that_tells_nobody_where_it_was_may_decide(
    http: ClientSession, smtp: MailServer, origin: str | None
) -> None:
    posted = await post(http, smtp)
    headers = {"Origin": origin} if origin else {}
    assert (await press(http, posted.path("approve"), headers=headers)).status == 200


@pytest.mark.parametrize("seen", ["pending", "spam"])
async def test_a_decision_on_what_was_not_seen_shows_who_decided_and_may_be_taken_knowingly(
    http: ClientSession, smtp: MailServer, database: Database, seen: str
) -> None:
    posted = await post(http, smtp)
    await decide(http, posted, "approve", by=ANNA)
    await interval_is_back(database)
    before = await all_rows(database)
    refused = await press(http, posted.path("reject", PAUL), seen)
    assert await all_rows(database) == before
    assert refused.status == 409
    page = await refused.text()
    assert 'role="alert"' in page
    assert HEADING.findall(page) == ["Anna has already decided"]
    assert re.search("Anna approved it at 10:00.AM. Your decision was not applied.", page)
    offered = await buttons(refused)
    assert offered == {"reject": "approved", "spam": "approved", "undo": "approved"}
    again = await decide(http, posted, "reject", seen=offered["reject"], by=PAUL)
    assert again.status == 200
    assert await status(http, posted) == "rejected"
    assert [(line["actor"], line["to_status"]) for line in await history(http, posted)] == [
        ("Anna", "approved"),
        ("Paul", "rejected"),
    ]


async def test_a_decision_by_link_may_change_for_a_day_and_then_on_the_desk(
    http: ClientSession, smtp: MailServer, clock: Clock, database: Database
) -> None:
    posted = await post(http, smtp)
    await decide(http, posted, "approve")
    clock.advance(hours=24)
    assert (await decide(http, posted, "reject", seen="approved", by=PAUL)).status == 200
    clock.advance(hours=24)
    assert await buttons(await http.get(posted.path("spam"))) == {
        "approve": "rejected",
        "spam": "rejected",
        "undo": "rejected",
    }
    clock.advance(seconds=1)
    await interval_is_back(database)
    await retention.forget(database, clock(), sites=Sites(()))
    before = await all_rows(database)
    shown = await http.get(posted.path("approve"))
    assert shown.status == 200
    assert await buttons(shown) == {}
    assert 'href="https://comments.example.net/desk"' in await shown.text()
    for decision in ("approve", "spam", "undo"):
        late = await decide(http, posted, decision, seen="rejected")
        assert late.status == 409
        assert await buttons(late) == {}
        assert "più di un giorno fa" in await late.text()
    assert (await decide(http, posted, "reject", seen="rejected")).status == 200
    assert await all_rows(database) == before


async def test_undo_restores_what_was_before_the_last_decision_once(http: ClientSession, smtp: MailServer) -> None:
    posted = await post(http, smtp)
    assert (await decide(http, posted, "undo")).status == 409
    await decide(http, posted, "reject")
    await decide(http, posted, "approve", seen="rejected")
    assert (await decide(http, posted, "undo", seen="rejected")).status == 409
    undone = await decide(http, posted, "undo", seen="approved", by=PAUL)
    assert undone.status == 200
    assert await status(http, posted) == "rejected"
    assert "undo" not in await buttons(undone)
    assert (await decide(http, posted, "undo", seen="rejected")).status == 409
    assert [(line["decision"], line["to_status"]) for line in await history(http, posted)] == [
        ("reject", "rejected"),
        ("approve", "approved"),
        ("undo", "rejected"),
    ]


async def test_undo_to_pending_queues_again_what_nobody_was_notified_of(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    smtp.refuse_recipient = "451 4.3.0 later"
    answer = await http.post(
        "/api/v1/comments",
        json={
            "page_url": "https://www.example.org/",
            "author_name": "Giuliana",
            "author_email": "g@example.com",
            "body": "interessante…",
        },
    )
    comment_id = (await answer.json())["id"]

    async def by_program(decision: str) -> None:
        body = {"decisions": [{"id": comment_id, "decision": decision}]}
        done = await http.post("/api/v1/moderation/decisions", json=body, headers=bearer())
        assert (await done.json())["results"][0]["outcome"] == "done"

    await by_program("spam")
    await by_program("undo")
    states = {row[5] for row in (await all_rows(database))["promises"]}
    assert states == {"waiting"}


async def test_undo_to_pending_tells_nobody_twice(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    posted = await post(http, smtp)
    await decide(http, posted, "spam")
    await decide(http, posted, "undo", seen="spam")
    assert await status(http, posted) == "pending"
    states = {row[5] for row in (await all_rows(database))["promises"]}
    assert states == {"told"}
    assert (await decide(http, posted, "approve")).status == 200


HEADINGS = {
    "approve": ("Approvare questo commento?", "Approvato", "Ora è visibile a tutti."),
    "reject": ("Rifiutare questo commento?", "Rifiutato", "Non è pubblicato."),
    "spam": ("Contrassegnare come spam?", "Contrassegnato come spam", "Non è pubblicato."),
}


@one_engine
@pytest.mark.parametrize("decision", STATUS_OF)
async def test_a_page_is_headed_by_what_it_asks_and_then_by_what_was_done_and_by_whom(
    http: ClientSession, smtp: MailServer, decision: str
) -> None:
    posted = await post(http, smtp, body="**molto** interessante…")
    question, outcome, consequence = HEADINGS[decision]
    before = await (await http.get(posted.path(decision))).text()
    assert HEADING.findall(before) == [question]
    assert "<strong>molto</strong> interessante…" in before
    after = await (await decide(http, posted, decision)).text()
    assert HEADING.findall(after) == [outcome]
    said = text_of(after)
    assert (
        f"{consequence} Hai preso questa decisione alle 11:00. Puoi annullare fino alle 11:00 di domani." in said
    )
    assert "https://comments.example.net/desk/next" in after
    assert f'class="band {STATUS_OF[decision]}" role="status"' in after
    undone = await (await decide(http, posted, "undo", seen=STATUS_OF[decision])).text()
    assert HEADING.findall(undone) == ["Decisione annullata"]
    assert undone.count(" full") == 1
    assert re.search('<button class="button approve full">', undone)


@one_engine
async def test_a_reply_is_shown_under_what_it_answers(http: ClientSession, smtp: MailServer) -> None:
    posted = await post(http, smtp, body="la *domanda*")
    await decide(http, posted, "approve")
    reply = await post(http, smtp, body="la risposta", author_name="Lucia", parent_id=posted.id)
    said = text_of(await (await http.get(reply.path("approve"))).text())
    assert re.search("Giuliana ha scritto: la domanda Lucia risponde: .* la risposta", said)


@one_engine
async def test_the_way_on_leads_to_the_next_comment_within_a_session_only(
    http: ClientSession, smtp: MailServer
) -> None:
    posted, other = await post(http, smtp), await post(http, smtp, body="un altro")
    await decide(http, posted, "approve")
    away = await http.get("/desk/next", allow_redirects=False)
    assert (away.status, away.headers["Location"]) == (303, "/desk")
    anna = await logged_in(http, smtp)
    assert (await anna.get("/desk/next")).headers["Location"] == f"/desk/comments/{other.id}"
    await decide(http, other, "approve")
    assert (await anna.get("/desk/next")).headers["Location"] == "/desk"
