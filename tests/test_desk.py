"""The desk: what waits, deciding, undoing, looking back; without a script."""

from aiohttp import ClientSession

from tests.desk import a_comment, logged_in, text_of
from tests.smtp import MailServer


async def test_a_moderator_logs_in_by_mail_decides_and_undoes(http: ClientSession, smtp: MailServer) -> None:
    first, second = await a_comment(http), await a_comment(http, body="secondo")
    anna = await logged_in(http, smtp)
    shown = await anna.shown()
    assert list(shown) == [first, second]

    answer = await anna.post("/desk/decisions", {"one": f"approve.{first}.{shown[first]}"})
    assert answer.status == 303
    page = await anna.get(answer.headers["Location"])
    text = text_of(await page.text())
    assert "Un commento approvato." in text
    assert list(await anna.shown()) == [second]

    answer = await anna.post("/desk/decisions", {"one": f"undo.{first}.approved.1"})
    assert answer.status == 303
    assert list(await anna.shown()) == [first, second]
