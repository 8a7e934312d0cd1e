"""Deciding on all that a filter matches: what stood there, in one press, with one undo."""

import re
from pathlib import Path

import pytest
from aiohttp import ClientSession

from moderation_service.domain.moderation.decisions import Decision
from moderation_service.runtime.limits import ServiceLimits
from moderation_service.services.moderation.bulk_decisions import Snapshot
from moderation_service.services.moderation.queue import Filter
from moderation_service.services.operations import retention
from moderation_service.storage.engine.database import Database
from tests.conftest import Clock, Start
from tests.support import office
from tests.support.desk import Browser, a_comment, cookieless, logged_in, replace_sites, status_of, text_of
from tests.support.factories import OTHER_PAGE, SITES, bearer
from tests.support.posting import post
from tests.support.rows import all_rows
from tests.support.running import Running
from tests.support.seeding import stored
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENCE, patient

_SNAPSHOT = re.compile(r'name="snapshot" value="([^"]+)"')
_UNDO = re.compile(r'formaction="(/desk/bulk/[^"]+/undo)')


@pytest.fixture
async def service(start: Start, clock: Clock, limits: ServiceLimits) -> Running:
    return await start(clock=clock, limits=limits, screening="off")


async def snapshot(browser: Browser, query: str = "") -> str:
    """What a page carries on which all that match are selected."""
    text = await (await browser.get(f"/desk?scope=all{query}")).text()
    found: str = _SNAPSHOT.findall(text)[0]
    return found


async def reasons_of(http: ClientSession, comment_id: str) -> list[str | None]:
    """The reasons of all decisions on a comment, the oldest first."""
    answer = await http.get(f"/api/v1/moderation/comments/{comment_id}/history", headers=bearer())
    return [one["reason"] for one in (await answer.json())["history"]]


async def pending(browser: Browser) -> list[str]:
    return list(await browser.shown())


@pytest.mark.parametrize("limits", [patient(bulk_batch=3)])
async def test_all_that_stood_there_is_decided_and_what_came_later_waits(
    http: ClientSession, smtp: MailServer
) -> None:
    ids = [await a_comment(http, body=f"numero {n}") for n in range(8)]
    anna, paul = await logged_in(http, smtp), await logged_in(http, smtp, "paul@example.org")
    token = await snapshot(anna)
    later = await a_comment(http, body="troppo tardi")
    await paul.post("/desk/decisions", {"one": f"reject.{ids[0]}.pending.1"})

    answer = await anna.post("/desk/bulk", {"snapshot": token, "all": "approve"})
    assert (answer.status, answer.headers["Location"]) == (303, "/desk")
    assert await pending(anna) == [later]
    for comment_id in ids[1:]:
        assert (await http.get(f"/api/v1/comments/{comment_id}")).status == 200
    assert await status_of(http, ids[0]) == "rejected"
    page = await (await anna.get("/desk")).text()
    assert "Approvati 7 commenti da te" in text_of(page)
    assert _UNDO.findall(await (await paul.get("/desk")).text()) == []

    await paul.post("/desk/decisions", {"one": f"spam.{ids[5]}.approved.1"})
    [undo] = _UNDO.findall(page)
    assert (await paul.post(undo)).status == 404
    assert (await anna.post(undo)).status == 303
    assert await pending(anna) == [*ids[1:5], *ids[6:], later]
    assert await status_of(http, ids[5]) == "spam"
    assert (await http.get(f"/api/v1/comments/{ids[1]}")).status == 404
    assert _UNDO.findall(await (await anna.get("/desk")).text()) == []
    assert (await anna.post(undo)).status == 303
    assert await pending(anna) == [*ids[1:5], *ids[6:], later]


async def test_a_decision_on_all_that_was_one_is_said_in_the_singular(
    http: ClientSession, smtp: MailServer
) -> None:
    await a_comment(http)
    anna = await logged_in(http, smtp)
    await anna.post("/desk/bulk", {"snapshot": await snapshot(anna), "all": "approve"})
    assert "Approvato Un commento da te" in text_of(await (await anna.get("/desk")).text())


async def test_more_than_fifty_are_asked_about_with_number_and_samples(
    http: ClientSession, service: Running, smtp: MailServer, database: Database
) -> None:
    ids = await stored(service, (f"numero {n}" for n in range(51)))
    anna = await logged_in(http, smtp)
    token = await snapshot(anna)
    before = await all_rows(database)
    asked = await anna.post("/desk/bulk?q=numero", {"snapshot": token, "all": "spam"})
    assert asked.status == 200
    assert await all_rows(database) == before
    text = text_of(await asked.text())
    assert "Contrassegnare 51 commenti come spam?" in text
    assert "numero 2" in text
    assert "numero 3" not in text
    assert "e altri 48" in text
    answer = await anna.post("/desk/bulk?q=numero", {"snapshot": token, "all": "spam", "confirmed": "yes"})
    assert answer.headers["Location"] == "/desk?q=numero"
    assert await pending(anna) == []
    assert list(await anna.shown("/desk?status=spam")) == ids[:0:-1]


@pytest.mark.parametrize(
    ("query", "left"), [("&q=torta", [0, 2, 3]), ("&author=nadia", [0, 1, 3]), ("&site=altro", [0, 1, 2])]
)
async def test_only_what_the_filter_matches_is_decided_over_all_sites_of_a_person(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path, query: str, left: list[int]
) -> None:
    await replace_sites(service, tmp_path, SITES.replace("olga@example.com", "anna@example.org"))
    ids = [
        await a_comment(http),
        await a_comment(http, body="una torta"),
        await a_comment(http, author_name="Nadia"),
        await a_comment(http, page_url=OTHER_PAGE),
    ]
    anna = await logged_in(http, smtp)
    await anna.post("/desk/bulk", {"snapshot": await snapshot(anna, query), "all": "reject"})
    assert await pending(anna) == [ids[n] for n in left]
    await anna.post("/desk/bulk", {"snapshot": await snapshot(anna), "all": "reject"})
    assert await pending(anna) == []


async def test_paths_keep_what_is_not_a_persons_own_out_of_a_bulk(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path
) -> None:
    rita = '\n[[site.moderator]]\nid = "rita"\nname = "Rita"\nemail = "rita@example.com"\npaths = ["/shop"]\n'
    await replace_sites(service, tmp_path, SITES + rita)
    await a_comment(http, page_url="https://altro.example.com/blog/x")
    shop = await a_comment(http, page_url="https://altro.example.com/shop/x")
    olga, other = await logged_in(http, smtp, "olga@example.com"), await logged_in(http, smtp, "rita@example.com")
    await olga.post("/desk/bulk", {"snapshot": await snapshot(olga), "all": "spam"})
    assert await pending(olga) == []
    assert await pending(other) == [shop]


async def test_a_snapshot_is_good_in_its_session_alone_and_names_a_decision(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    await a_comment(http)
    anna, paul = await logged_in(http, smtp), await logged_in(http, smtp, "paul@example.org")
    token = await snapshot(anna)
    before = await all_rows(database)
    for form in ({"snapshot": token}, {"snapshot": token, "all": "undo"}):
        assert (await anna.post("/desk/bulk", form)).status == 422
    for form in ({"all": "spam"}, {"snapshot": token[1:], "all": "spam"}):
        assert (await anna.post("/desk/bulk", form)).status == 403
    assert (await paul.post("/desk/bulk", {"snapshot": token, "all": "spam"})).status == 403
    for path in ("/desk/bulk/nonsense/undo", f"/desk/bulk/{'0' * 8}-0000-7000-8000-{'0' * 12}/undo"):
        assert (await anna.post(path)).status == 404
    assert await all_rows(database) == before


async def test_an_undo_is_possible_for_a_day_and_then_all_of_it_is_forgotten(
    http: ClientSession, service: Running, smtp: MailServer, clock: Clock, database: Database
) -> None:
    await a_comment(http)
    anna = await logged_in(http, smtp)
    await anna.post("/desk/bulk", {"snapshot": await snapshot(anna), "all": "spam"})
    [undo] = _UNDO.findall(await (await anna.get("/desk")).text())
    clock.advance(hours=24, seconds=1)
    anna = await logged_in(http, smtp)
    assert (await anna.post(undo)).status == 404
    assert await pending(anna) == []
    clock.advance(hours=24)
    await retention.forget(service.container.database, clock(), sites=service.container.directory.sites)
    rows = await all_rows(database)
    assert (rows["bulks"], rows["bulk_items"]) == ([], [])


async def test_what_one_process_began_another_goes_on_with(
    start: Start, environ: dict[str, str], clock: Clock, smtp: MailServer
) -> None:
    async with office.opened(environ, clock) as first:
        ids = await first.post(3)
        person_id = first.container.directory.person_of("anna@example.org")
        assert person_id is not None
        snapshot = Snapshot(wanted=Filter(), site_id=None, until=ids[1], made_at=clock())
        bulk_id = await first.container.bulks.begin(person_id, snapshot, Decision.SPAM, total=2)
    second = await start(clock=clock, screening="off")
    await second.container.bulks.settled(bulk_id, within=PATIENCE)
    async with cookieless(second.url) as http:
        assert await pending(await logged_in(http, smtp)) == ids[2:]


@pytest.mark.parametrize("limits", [patient(bulk_batch=2)])
async def test_all_that_match_are_rejected_with_a_reason_that_every_site_has(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path
) -> None:
    rumour = '\n[[site.reason]]\ncode = "rumour"\ntext.it = "È una voce"\n'
    await replace_sites(service, tmp_path, SITES.replace("olga@example.com", "anna@example.org") + rumour)
    ids = [await a_comment(http, body=f"numero {n}") for n in range(2)]
    receipt = await post(http, body="con ricevuta")
    ids += [receipt["id"], await a_comment(http, page_url=OTHER_PAGE)]
    anna = await logged_in(http, smtp)
    await anna.post("/desk/decisions", {"one": f"reject.{ids[0]}.pending.1", "reason": "off_topic"})
    await anna.post("/desk/decisions", {"one": f"undo.{ids[0]}.rejected.1"})
    token = await snapshot(anna)
    assert 'name="reasoned" value="reject"' in await (await anna.get("/desk?scope=all")).text()
    page = await (await anna.post("/desk/bulk", {"snapshot": token, "reasoned": "reject"})).text()
    assert "Rifiutare 4 commenti?" in text_of(page)
    assert '<option value="insult">' in page
    assert "rumour" not in page, "one of the two sites has it alone"
    of_other = await anna.post(
        "/desk/bulk", {"snapshot": await snapshot(anna, "&site=altro"), "reasoned": "reject"}
    )
    assert '<option value="rumour">È una voce</option>' in await of_other.text()

    pressed = {"snapshot": token, "all": "reject", "confirmed": "yes"}
    assert (await anna.post("/desk/bulk", pressed | {"reason": "rumour"})).status == 422
    assert await pending(anna) == ids
    assert (await anna.post("/desk/bulk", pressed | {"reason": "insult"})).status == 303
    assert await pending(anna) == []
    assert [await reasons_of(http, one) for one in ids[:2]] == [["off_topic", None, "insult"], ["insult"]]
    answer = await http.get(f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}")
    assert (await answer.json())["reason"]["code"] == "insult"
    [undo] = _UNDO.findall(await (await anna.get("/desk")).text())
    assert (await anna.post(undo)).status == 303
    assert await pending(anna) == ids
    assert await reasons_of(http, ids[1]) == ["insult", None]

    spam = {"snapshot": await snapshot(anna), "all": "spam", "reason": "insult"}
    assert (await anna.post("/desk/bulk", spam)).status == 303
    assert (await reasons_of(http, ids[1]))[-1] is None, "what is spam needs no reason"
