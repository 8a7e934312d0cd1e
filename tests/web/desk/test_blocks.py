"""Blocks at the desk: for moderators of a whole site, from a comment and by hand."""

import re
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.support.desk import a_comment, logged_in, replace_sites, text_of
from tests.support.factories import ADDRESS, OTHER_PAGE, SITES, a_submission
from tests.support.running import Running
from tests.support.smtp import MailServer

_LIFT = re.compile(r'action="([^"]+/lift)"')


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough: what is written is compared elsewhere."""
    return f"sqlite:///{tmp_path}/test.db"


async def status_of(http: ClientSession, **fields: str) -> int:
    return (await http.post("/api/v1/comments", json=a_submission(**fields))).status


async def test_a_moderator_blocks_what_a_comment_shows_and_lifts_it_where_all_blocks_are(
    http: ClientSession, smtp: MailServer
) -> None:
    comment = await a_comment(http, body="vedi https://spam.example/x")
    anna = await logged_in(http, smtp)
    shown = await (await anna.get(f"/desk/comments/{comment}")).text()
    assert 'name="domain.spam.example"' in shown
    assert "192.0.2" not in shown
    assert "127.0.0" not in shown
    nothing = await anna.post(f"/desk/comments/{comment}/blocks", {"reason": "insulti"})
    assert nothing.status == 422
    assert 'value="insulti"' in await nothing.text()
    sent = {"address": "yes", "domain.spam.example": "yes", "domain.else.example": "yes", "reason": "insulti"}
    answer = await anna.post(f"/desk/comments/{comment}/blocks", sent | {"until": "2026-11-23"})
    assert (answer.status, answer.headers["Location"]) == (303, f"/desk/comments/{comment}?said=made")
    assert await status_of(http, body="di nuovo") == 403
    assert await status_of(http, body="https://www.spam.example", author_email="other@example.com") == 403
    assert await status_of(http, body="altro", author_email="other@example.com") == 202
    listed = await (await anna.get("/desk/blocks")).text()
    text = text_of(listed)
    assert "g…@e….com" in text
    assert "spam.example" in text
    assert "else.example" not in text
    assert "Bloccato da" in text
    assert "23 novembre 2026" in text
    assert ADDRESS not in listed
    lifts = _LIFT.findall(listed)
    assert len(lifts) == 2
    for path in lifts:
        assert (await anna.post(path)).status == 303
        assert (await anna.post(path)).status == 404
    assert await status_of(http, body="di nuovo") == 202
    assert "Nulla è bloccato." in text_of(await (await anna.get("/desk/blocks?said=lifted")).text())


async def test_what_is_typed_wrongly_is_shown_with_what_is_wrong(http: ClientSession, smtp: MailServer) -> None:
    anna = await logged_in(http, smtp)
    typed = {"site": "coop", "kind": "network", "value": "tutti", "lasts": "30", "reason": "prova"}
    right = typed | {"value": "203.0.113.0/24"}
    for changed in ({"value": "0.0.0.0/0"}, {"kind": "x"}, {"until": "2020-01-01"}, {"until": "9999-12-31"}):
        assert (await anna.post("/desk/blocks", right | changed)).status == 422, changed
    assert (await anna.post("/desk/blocks", right)).status == 303
    answer = await anna.post("/desk/blocks", typed)
    page = await answer.text()
    assert answer.status == 422
    assert 'value="tutti"' in page
    assert 'value="prova"' in page
    assert '<option value="30" selected>' in page
    assert (await anna.post("/desk/blocks", typed | {"site": "altro"})).status == 404


async def test_who_sees_only_a_part_of_a_site_neither_sees_nor_makes_blocks(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path
) -> None:
    comment = await a_comment(http, page_url=OTHER_PAGE)
    olga = await logged_in(http, smtp, "olga@example.com")
    typed = {"site": "altro", "kind": "word", "value": "casino"}
    assert "/desk/blocks" not in await (await olga.get("/desk")).text()
    assert "blocks" not in await (await olga.get(f"/desk/comments/{comment}")).text()
    assert (await olga.get("/desk/blocks")).status == 404
    assert (await olga.post("/desk/blocks", typed)).status == 404
    assert (await olga.post(f"/desk/comments/{comment}/blocks", {"address": "yes"})).status == 404
    await replace_sites(service, tmp_path, SITES.replace('paths = ["/blog"]', ""))
    assert (await olga.post("/desk/blocks", typed)).status == 303
    assert await status_of(http, page_url=OTHER_PAGE, body="Casino") == 403
    assert await status_of(http, body="Casino") == 202
