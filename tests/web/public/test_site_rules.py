"""Rules of a site's owner over HTTP: filed as spam, refused in words, held; nothing typed is lost."""

import asyncio
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from moderation_service.locales import LANGUAGES, translations
from moderation_service.services.operations import consistency
from moderation_service.storage.engine.database import Database
from schemas.problems import PROBLEMS, ProblemCode
from tests.conftest import Clock
from tests.support.cases import one_engine
from tests.support.desk import logged_in
from tests.support.factories import ADDRESS, PAGE, SITES, a_submission, bearer
from tests.support.mailed import ANNA
from tests.support.posting import COMMENTS, decide, post, status_of, urlencoded
from tests.support.running import Running, until
from tests.support.smtp import MailServer

RULES = """
contact = "redazione@example.org"

[[site.rule]]
name = "pillole"
when = {words = "pillole"}
then = "spam"

[[site.rule]]
name = "niente propaganda"
when = {pattern = "(?i)votate\\\\b", domains = ["partito.example"]}
then = "refuse"

[[site.rule]]
name = "pagine vecchie"
when = {path = "/archivio", missing = ["author_url"]}
then = "hold"

[[site.rule]]
name = "nuovi con link"
when = {links_over = 0, first_comments = 1}
then = "suspect"
"""
REFUSED = {"body": "Votate https://partito.example <subito>", "author_name": "Ugo <i>"}
SENTENCE = "If you think this is a mistake, write to %(contact)s."


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """The usual environment, with a site that has rules."""
    head, moderators, rest = SITES.partition("\n[[site.moderator]]")
    text = f"{head}{RULES}{moderators}{rest}"
    Path(environ["MODERATION_SITES"]).write_text(text, encoding="utf-8")
    return environ


def says_refused(text: str, language: str) -> bool:
    gettext = translations(language).gettext
    _, detail = PROBLEMS[ProblemCode.REFUSED_BY_RULE]
    whom = gettext(SENTENCE) % {"contact": "redazione@example.org"}
    return f"{gettext(detail)} {whom}" in text


def codes(comment: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in comment["spam_reasons"]]


async def comments_of(http: ClientSession, status: str) -> list[dict[str, Any]]:
    answer = await http.get(f"/api/v1/moderation/comments?status={status}", headers=bearer())
    found: list[dict[str, Any]] = (await answer.json())["comments"]
    return found


async def test_a_rule_files_as_spam_without_mail_and_a_moderator_has_the_last_word(
    http: ClientSession, smtp: MailServer, database: Database, clock: Clock
) -> None:
    filed = await post(http, body="Pillole!", headers={"Idempotency-Key": "one"})
    assert filed["status"] == "pending"
    assert await post(http, body="Pillole!", headers={"Idempotency-Key": "one"}) == filed
    assert (await http.post(COMMENTS, json=a_submission(body="Pillole!"))).status == 409
    honest = await post(http)
    await smtp.wait_for(2)
    assert not [one for one in smtp.mails if "Pillole" in one.text()]
    assert [one["id"] for one in await comments_of(http, "pending")] == [honest["id"]]
    [spam] = await comments_of(http, "spam")
    assert (spam["id"], codes(spam)) == (filed["id"], ["rule"])

    receipt = f"/api/v1/receipts/{filed['receipt_url'].rpartition('/')[2]}"
    own = await (await http.get(receipt)).json()
    assert (own["status"], own["may_edit"]) == ("pending", True)
    anna = await logged_in(http, smtp, ANNA)
    page = unescape(await (await anna.get("/desk?status=spam")).text())
    assert "the rule “pillole”" in page or "la regola «pillole»" in page
    assert "Today" not in page

    assert not any((await consistency.differences(database)).values())
    for decision, status in (("approve", "approved"), ("undo", "spam"), ("reject", "rejected")):
        await decide(http, decision, filed["id"])
        clock.advance(seconds=1)
        assert [one["id"] for one in await comments_of(http, status)] == [filed["id"]]
    assert not any((await consistency.differences(database)).values())
    assert (await (await http.get(receipt)).json())["status"] == "rejected"


async def test_an_author_who_edits_what_a_rule_filed_lets_it_wait_and_the_other_way_round(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    receipt = (await post(http, body="Pillole!"))["receipt_url"].rpartition("/")[2]
    path = f"/api/v1/receipts/{receipt}"
    edited = await http.patch(path, json={"body": "Non più."})
    assert (edited.status, (await edited.json())["status"]) == (200, "pending")
    await smtp.wait_for(2)
    assert [one["body"] for one in await comments_of(http, "pending")] == ["Non più."]
    assert (await http.patch(path, json={"body": "Anzi: pillole."})).status == 200
    assert await comments_of(http, "pending") == []
    assert [one["body"] for one in await comments_of(http, "spam")] == ["Anzi: pillole."]
    refused = await http.patch(path, json={"body": REFUSED["body"]}, headers={"Accept-Language": "en"})
    problem = await refused.json()
    assert (refused.status, problem["type"]) == (403, "urn:moderation-service:problem:refused_by_rule")
    assert says_refused(problem["detail"], "en")
    assert [one["body"] for one in await comments_of(http, "spam")] == ["Anzi: pillole."]
    own = await http.get(f"/receipts/{receipt}")
    token = (await own.text()).partition('name="form_token" value="')[2].partition('"')[0]
    form = {"form_token": token, "do": "edit", "body": REFUSED["body"]}
    page = await http.post(f"/receipts/{receipt}", data=form, headers={"Accept-Language": "fr"})
    text = unescape(await page.text())
    assert page.status == 403
    assert says_refused(text, "fr")
    assert REFUSED["body"] in text
    assert (await http.delete(path)).status == 200
    assert not any((await consistency.differences(database)).values())


@one_engine
async def test_a_rule_refuses_in_words_and_gives_back_what_was_typed(http: ClientSession) -> None:
    key = {"Idempotency-Key": "one"}
    for language in LANGUAGES:
        answer = await http.post(
            COMMENTS, json=a_submission(**REFUSED), headers={"Accept-Language": language} | key
        )
        problem = await answer.json()
        assert (answer.status, problem["type"]) == (403, "urn:moderation-service:problem:refused_by_rule")
        assert says_refused(problem["detail"], language)
        assert "propaganda" not in str(problem), "what the rule is called is the moderators' own"
    assert (await post(http, body="altro", headers=key))["status"] == "pending", "a refusal uses up no key"

    ours, kind = urlencoded(a_submission(**REFUSED))
    fields = {"page_url": PAGE, "comment": REFUSED["body"], "author": REFUSED["author_name"], "email": ADDRESS}
    theirs, _ = urlencoded(fields)
    for path, body in ((COMMENTS, ours), ("/wp-comments-post.php", theirs)):
        refused = await http.post(path, data=body, headers={**kind, "Accept-Language": "de"})
        page = await refused.text()
        assert refused.status == 403
        assert says_refused(unescape(page), "de")
        assert "Votate https://partito.example &lt;subito&gt;</textarea>" in page
        assert 'value="Ugo &lt;i&gt;"' in page
        assert f'value="{ADDRESS}"' in page
    assert [one["body"] for one in await comments_of(http, "pending")] == ["altro"]
    metrics = await (await http.get("/metrics")).text()
    assert 'refused_by_rule"' in metrics


async def test_what_was_answered_before_a_rule_refused_it_is_answered_again(
    http: ClientSession, service: Running, environ: dict[str, str]
) -> None:
    sites = Path(environ["MODERATION_SITES"])
    before = await asyncio.to_thread(sites.read_text, encoding="utf-8")
    sent = await post(http, body="da rifiutare", headers={"Idempotency-Key": "one"})
    changed = before.replace('pattern = "(?i)votate\\\\b", domains = ["partito.example"]', 'words = "rifiutare"')
    assert changed != before
    await asyncio.to_thread(sites.write_text, changed, encoding="utf-8")

    def is_in_force() -> bool:
        site = service.container.directory.sites.get("coop")
        return site is not None and bool(site.rules[1].when.words)

    await until(is_in_force)
    assert await post(http, body="da rifiutare", headers={"Idempotency-Key": "one"}) == sent
    assert await status_of(http, body="da rifiutare") == 409
    assert await status_of(http, body="da rifiutare", author_email="altra@example.com") == 403


async def test_a_rule_holds_and_suspects_what_then_waits(http: ClientSession, smtp: MailServer) -> None:
    old = f"{PAGE.rpartition('/')[0]}/archivio/2019"
    await post(http, page_url=old)
    await smtp.wait_for(2)
    await post(http, body="https://example.com/", author_email="nuova@example.com")
    await post(http, body="https://example.com/ ancora", author_email="nuova@example.com")
    found = {one["body"]: (codes(one), one["status"]) for one in await comments_of(http, "pending")}
    assert found == {
        "interessante…": (["rule"], "pending"),
        "https://example.com/": (["rule"], "pending"),
        "https://example.com/ ancora": ([], "pending"),
    }
