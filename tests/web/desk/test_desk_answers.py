"""Answering at the desk in the name of the site: the form, what it says, and for whom it is there."""

import re
from pathlib import Path

from aiohttp import ClientSession

from schemas.comments import BODY_BYTES
from tests.support.cases import one_engine
from tests.support.desk import a_comment, logged_in, replace_sites, status_of, text_of
from tests.support.factories import SITES
from tests.support.posting import decided
from tests.support.running import Running
from tests.support.smtp import MailServer

BODY = "Grazie, abbiamo corretto la pagina."
SHOWN = {"seen": "pending", "revision": "1"}


async def test_an_answer_approves_what_waits_and_history_says_who_gave_it(
    http: ClientSession, smtp: MailServer
) -> None:
    comment_id = await a_comment(http)
    anna = await logged_in(http, smtp)
    path = f"/desk/comments/{comment_id}"
    page = text_of(await (await anna.get(path)).text())
    assert "Approva e rispondi" in page
    for _ in range(2):
        sent = await anna.post(f"{path}/answer", SHOWN | {"body": BODY})
        assert sent.status == 303
        assert sent.headers["Location"] == f"{path}?said=answered"
    html = await (await anna.get(sent.headers["Location"])).text()
    page = text_of(html)
    assert "La tua risposta è pubblicata." in page
    assert "Risposta del sito pubblicata il" in page
    assert re.search(r"da \W?Anna\W?\.", page)
    assert page.count(BODY) == 1
    assert "Pubblica la risposta" in page
    answer_id = html.partition(f"/desk/comments/{comment_id}?said")[2] or html
    [answer_id] = {one.partition('"')[0] for one in html.split('href="/desk/comments/')[1:]} - {comment_id}
    its_own = text_of(await (await anna.get(f"/desk/comments/{answer_id}")).text())
    assert "Associazione dell'Esempio" in its_own
    assert "Risposta del sito" in its_own
    assert "Ricevuto il" not in its_own
    assert list(await anna.shown()) == []
    await anna.post("/desk/decisions", {"one": f"undo.{comment_id}.approved.1"})
    assert list(await anna.shown()) == [comment_id]
    assert await status_of(http, answer_id) == "rejected"


@one_engine
async def test_what_cannot_be_published_stays_in_the_form(http: ClientSession, smtp: MailServer) -> None:
    comment_id = await a_comment(http)
    anna = await logged_in(http, smtp)
    path = f"/desk/comments/{comment_id}/answer"
    too_long = await anna.post(path, SHOWN | {"body": "x" * (BODY_BYTES + 1)})
    assert too_long.status == 422
    page = await too_long.text()
    assert "x" * (BODY_BYTES + 1) in page
    assert 'id="body-fault"' in page
    assert "65.525" in page
    await decided(http, comment_id, "spam")
    late = await anna.post(path, SHOWN | {"body": BODY})
    assert late.status == 409
    page = await late.text()
    assert f" readonly>{BODY}</textarea>" in page
    assert "La risposta non è stata pubblicata" in page
    refused = await anna.post("/desk/decisions", {"one": f"answer.{comment_id}.spam.1"})
    assert refused.status == 422
    assert await status_of(http, comment_id) == "spam"


@one_engine
async def test_nobody_answers_outside_their_paths(
    http: ClientSession, smtp: MailServer, service: Running, tmp_path: Path
) -> None:
    comment_id = await a_comment(http)
    paul = await logged_in(http, smtp, "paul@example.org")
    narrower = SITES.replace('email = "paul@example.org"\n', 'email = "paul@example.org"\npaths = ["/blog"]\n')
    await replace_sites(service, tmp_path, narrower)
    refused = await paul.post(f"/desk/comments/{comment_id}/answer", SHOWN | {"body": BODY})
    assert refused.status == 404
    assert await status_of(http, comment_id) == "pending"
