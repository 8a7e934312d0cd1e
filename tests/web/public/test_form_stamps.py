"""Stamps and honeypots over HTTP: in every form that we render, for scripts, and what they do to a comment."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from moderation_service.storage.engine.database import Database
from tests.conftest import Clock, Start
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.factories import OTHER_PAGE, PAGE, SITES, a_submission
from tests.support.forms import Form
from tests.support.posting import COMMENTS, post, urlencoded
from tests.support.rows import assessed

STAMP = "/api/v1/stamp"


async def fetched(http: ClientSession, page_url: str = PAGE) -> dict[str, Any]:
    answer = await http.get(STAMP, params={"page_url": page_url})
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    found: dict[str, Any] = await answer.json()
    return found


async def reasons_of(http: ClientSession, database: Database, **sent: Any) -> list[str]:
    """What is said of a comment that was sent in JSON; whatever that is, it makes a suspect."""
    receipt = await post(http, **sent)
    verdict, reasons = (await assessed(database))[receipt["id"]]
    assert verdict == ("suspect" if reasons else "pending")
    return reasons


async def test_what_a_form_carries_decides_whether_a_comment_is_suspect_and_never_refuses_it(
    http: ClientSession, database: Database, clock: Clock
) -> None:
    marks = await fetched(http)
    others = await fetched(http, OTHER_PAGE)
    stamp, honeypot = marks["form_stamp"], marks["honeypot"]
    assert re.fullmatch(r"topic_[0-9a-f]{8}", honeypot)
    assert await reasons_of(http, database, body="1", form_stamp=stamp) == ["stamp_early"]
    clock.advance(seconds=3)
    assert await reasons_of(http, database, body="2", form_stamp=stamp) == []
    assert await reasons_of(http, database, body="3", form_stamp=stamp) == [], "again within its time"
    assert await reasons_of(http, database, body="4", form_stamp=others["form_stamp"]) == ["stamp_forged"]
    assert await reasons_of(http, database, body="5", **{"form_stamp": stamp, honeypot: "x"}) == ["honeypot"]
    assert await reasons_of(http, database, body="6", **{"form_stamp": stamp, honeypot: 5}) == ["honeypot"]
    assert await reasons_of(http, database, body="7", **{"form_stamp": stamp, honeypot: " "}) == []
    assert await reasons_of(http, database, body="8", **{"form_stamp": None, honeypot: None}) == []
    form = a_submission(body="9") | {"form_stamp": stamp, honeypot: "https://spam.example"}
    answer = await http.post(COMMENTS, data=form, allow_redirects=False)
    assert answer.status == 303
    clock.advance(hours=25)
    assert await reasons_of(http, database, body="10", form_stamp=stamp) == [], "one that is too old is none"
    suspects = [reasons for verdict, reasons in (await assessed(database)).values() if verdict == "suspect"]
    assert suspects.count(["honeypot"]) == 3, "of a form as well"
    answer = await http.post(COMMENTS, json=a_submission(topic_00000000="x"))
    assert (await answer.json())["errors"].keys() == {"topic_00000000"}, "the name is that of the key alone"


@only_sqlite
async def test_every_form_that_is_rendered_carries_the_stamp_of_the_hour(
    http: ClientSession, clock: Clock
) -> None:
    async def page() -> str:
        return await (await http.get("/comments", params={"page_url": PAGE})).text()

    first = await page()
    values = Form(first).values
    marks = {name: value for name, value in values.items() if re.match(r"form_stamp|topic_", name)}
    stamp, honeypot = marks["form_stamp"], (await fetched(http))["honeypot"]
    assert marks == {"form_stamp": stamp, honeypot: ""}
    assert stamp.startswith("h")
    clock.advance(minutes=59)
    assert await page() == first, "it may be kept"
    clock.advance(minutes=1)
    renewed = Form(await page()).values["form_stamp"]
    assert renewed != stamp
    for path, wrong in ((COMMENTS, a_submission(body="")), ("/wp-comments-post.php", {"page_url": PAGE})):
        body, headers = urlencoded(wrong)
        answer = await http.post(path, data=body, headers=headers)
        assert answer.status == 422
        values = Form(await answer.text()).values
        assert (values["form_stamp"], values[honeypot]) == (renewed, "")
    closed = await http.post(COMMENTS, data=a_submission(page_url="https://nowhere.example/"))
    assert "form_stamp" not in Form(await closed.text()).values, "a page of no site has no stamp"


@only_sqlite
async def test_no_person_meets_the_honeypot(http: ClientSession) -> None:
    page = await (await http.get("/comments", params={"page_url": PAGE})).text()
    [wrapped] = re.findall(r'<div class="unseen" aria-hidden="true">(.*?)</div>', page, re.DOTALL)
    assert 'tabindex="-1" autocomplete="off"' in wrapped
    assert "required" not in wrapped
    style = await (await http.get("/static/pages.css")).text()
    [rule] = re.findall(r"\.unseen \{(.*?)\}", style, re.DOTALL)
    assert "clip-path: inset(50%)" in rule
    assert "display" not in rule


@only_sqlite
async def test_a_script_asks_for_a_page_of_ours(http: ClientSession) -> None:
    answers = [await http.get(STAMP, params=query) for query in ({}, {"page_url": "https://nowhere.example/"})]
    assert [one.status for one in answers] == [422, 403]


@pytest.fixture
def without_stamps(environ: dict[str, str]) -> None:
    """The first site wants no stamps."""
    wanted = "[site.screening]\nform_stamp = false\n\n[[site.moderator]]"
    Path(environ["MODERATION_SITES"]).write_text(SITES.replace("[[site.moderator]]", wanted, 1), encoding="utf-8")


@only_sqlite
@pytest.mark.usefixtures("without_stamps")
async def test_a_site_may_do_without_stamps(start: Start, clock: Clock, database: Database) -> None:
    service = await start(clock=clock)
    async with client_of(service.url) as http:
        assert await fetched(http) == {"form_stamp": None, "honeypot": None}
        page = await (await http.get("/comments", params={"page_url": PAGE})).text()
        assert "form_stamp" not in page
        assert await reasons_of(http, database, form_stamp="x") == []
