"""What looks like spam stands apart on the desk, and is marked as spam by one press."""

import re
from typing import Any

from aiohttp import ClientSession

from tests.support.desk import Browser, a_comment, logged_in, text_of
from tests.support.factories import bearer
from tests.support.smtp import MailServer

SPAM = "[url=http://pills.example]pills[/url] http://a.example http://b.example http://c.example"
LINKS = "http://a.example http://b.example http://c.example"
_HEAP = re.compile(r'<section class="heap".*?</section>', re.DOTALL)
_SNAPSHOT = re.compile(r'name="snapshot" value="([^"]+)"')
_UNDO = re.compile(r'formaction="(/desk/bulk/[^"]+/undo)')


async def heap(browser: Browser, path: str = "/desk") -> str:
    """What stands apart on a page, with its form."""
    found = _HEAP.findall(await (await browser.get(path)).text())
    return found[0] if found else ""


async def mark(browser: Browser, shown: str) -> None:
    """Press the one button of what stands apart."""
    [snapshot] = _SNAPSHOT.findall(shown)
    assert 'name="confirmed" value="yes"' in shown
    answer = await browser.post("/desk/bulk", {"snapshot": snapshot, "confirmed": "yes", "all": "spam"})
    assert answer.status == 303


async def test_the_honest_stand_first_and_one_press_marks_all_others_and_takes_it_back(
    http: ClientSession, smtp: MailServer
) -> None:
    rubbish = [await a_comment(http, body=f"{SPAM} {number}") for number in range(3)]
    linked = await a_comment(http, body=LINKS)
    honest = [await a_comment(http, body=f"una torta {number}") for number in range(2)]
    anna = await logged_in(http, smtp)

    assert list(await anna.shown()) == [*honest, linked]
    assert list(await anna.shown("/desk?suspects=only")) == rubbish
    assert list(await anna.shown("/desk?order=oldest")) == [*rubbish, linked, *honest]
    assert list(await anna.shown("/desk?q=http")) == [linked, *rubbish]
    assert "In attesa: 3" in text_of(await (await anna.get("/desk")).text())
    assert (await anna.get("/desk/next")).headers["Location"] == f"/desk/comments/{honest[0]}"
    shown = await heap(anna)
    said = text_of(shown)
    assert "3 commenti sospetti" in said
    assert "markup da forum" in said or "link" in said
    assert await heap(anna, "/desk?order=oldest") == ""

    later = await a_comment(http, body=f"{SPAM} later")
    updates = await (await anna.get("/desk/updates")).json()
    assert updates["counts"]["suspects"] == "4"
    assert (await heap(anna)).count("/desk/comments/") == 4, "the first ten of them"
    await mark(anna, shown)
    assert list(await anna.shown("/desk?suspects=only")) == [later]
    assert list(await anna.shown("/desk?status=spam")) == rubbish[::-1]
    assert list(await anna.shown()) == [*honest, linked]
    [undo] = _UNDO.findall(await (await anna.get("/desk")).text())
    assert (await anna.post(undo)).status == 303
    assert list(await anna.shown("/desk?suspects=only")) == [*rubbish, later]


async def test_what_came_meanwhile_is_announced_where_it_would_be_shown(
    http: ClientSession, smtp: MailServer
) -> None:
    newest = await a_comment(http)
    anna = await logged_in(http, smtp)
    await a_comment(http, body=SPAM)
    for query, new in {"": 0, "&suspects=only": 1, "&order=oldest": 1}.items():
        answer = await anna.get(f"/desk/updates?newest={newest}{query}")
        assert (await answer.json())["new"] == new, query
    assert "In attesa ci sono solo commenti sospetti" not in await (await anna.get("/desk")).text()
    await anna.post("/desk/decisions", {"one": f"approve.{newest}.pending.1"})
    assert "In attesa ci sono solo commenti sospetti" in await (await anna.get("/desk")).text()


async def test_programs_read_the_queue_in_the_order_of_the_desk(http: ClientSession) -> None:
    rubbish = await a_comment(http, body=SPAM)
    linked = await a_comment(http, body=LINKS)
    honest = [await a_comment(http, body=f"una torta {number}") for number in range(2)]
    decided = await a_comment(http, body="una decisione")
    decisions = {"decisions": [{"id": decided, "decision": "approve"}]}
    await http.post("/api/v1/moderation/decisions", json=decisions, headers=bearer())

    async def asked(**query: str) -> tuple[int, Any]:
        answer = await http.get("/api/v1/moderation/comments", params=query, headers=bearer())
        return answer.status, await answer.json()

    met: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        status, page = await asked(order="queue", limit="1", cursor=cursor)
        assert status == 200
        met += [one["id"] for one in page["comments"]]
        cursor = page["next_cursor"]
    assert met == [*honest, linked, rubbish]
    assert (await asked(order="queue", status="approved"))[1]["errors"]["order"][0]["code"] == "contradicts"
    for order, wrong in {"queue": honest[0], "oldest": f"0.{honest[0]}"}.items():
        assert (await asked(order=order, cursor=wrong))[1]["errors"]["cursor"][0]["code"] == "invalid_cursor"
    assert (await asked(order="queue", cursor=f"99999.{honest[0]}"))[0] == 422
