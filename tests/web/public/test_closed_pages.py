"""Pages that take no more comments: refused to everybody, said in words everywhere, known to every replica."""

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from moderation_service.domain.errors import CommentsClosedError
from moderation_service.locales import LANGUAGES, translations
from moderation_service.storage.comments import pages as stored_pages
from moderation_service.storage.engine.database import Connection
from tests.conftest import Clock, Start
from tests.support.contract import client_of
from tests.support.factories import ADDRESS, PAGE, SITES, a_submission, bearer
from tests.support.posting import COMMENTS, post, published, queued, status_of, urlencoded
from tests.support.running import Running, until

PAGES = "/api/v1/moderation/pages"
RULE = "close_after_days = 14"
SENTENCE = "This page no longer takes comments."
TEXT = "interessante… e <lungo>"


@pytest.fixture
def rule() -> str:
    """What the sites file says of the first site; tests choose it."""
    return ""


@pytest.fixture
def environ(environ: dict[str, str], rule: str) -> dict[str, str]:
    """The usual environment, with a site whose pages close."""
    listed = SITES.replace('language = "it"', f'language = "it"\n{rule}', 1)
    Path(environ["MODERATION_SITES"]).write_text(listed, encoding="utf-8")
    return environ


async def put(http: ClientSession, commenting: str, page_url: str = PAGE) -> None:
    """Close or open a page as a program of the site."""
    asked = {"pages": [{"page_url": page_url, "commenting": commenting}]}
    answer = await http.post(PAGES, json=asked, headers=bearer())
    assert answer.status == 200, await answer.text()
    assert [one["outcome"] for one in (await answer.json())["results"]] == ["done"]


async def form_of(http: ClientSession) -> dict[str, Any]:
    """What the list says of the page's form."""
    found: dict[str, Any] = (await (await http.get(COMMENTS, params={"page_url": PAGE})).json())["form"]
    return found


async def shown(http: ClientSession, path: str, language: str = "en") -> str:
    answer = await http.get(path, params={"page_url": PAGE, "lang": language})
    assert answer.status == 200
    return unescape(await answer.text())


def refuses(replica: Running) -> bool:
    """Whether a replica knows the page as closed where comments come in."""
    try:
        replica.container.page_closing.check(replica.container.directory.page_of(PAGE))
    except CommentsClosedError:
        return True
    return False


def says_closed(text: str, language: str = "en") -> bool:
    return translations(language).gettext(SENTENCE) in text


@pytest.mark.parametrize("rule", [RULE])
async def test_a_page_closes_by_the_rule_at_its_moment_whatever_was_kept_in_memory(
    http: ClientSession, clock: Clock
) -> None:
    parent = await published(http)
    clock.advance(days=14, microseconds=-1)
    for _ in range(2):
        form = await form_of(http)
        assert (form["is_closed"], form["closes_at"]) == (False, "2026-12-06T10:00:00Z")
        page = await shown(http, "/comments")
        assert 'name="body"' in page
        assert "Comments are open until December 6, 2026" in page
        assert not says_closed(await shown(http, "/embed/comments.html"))
    assert await status_of(http, body="all’ultimo momento") == 202
    before = await http.get(COMMENTS, params={"page_url": PAGE})

    clock.advance(microseconds=1)
    form = await form_of(http)
    assert (form["is_closed"], form["closes_at"]) == (True, "2026-12-06T10:00:00Z")
    page = await shown(http, "/comments")
    assert says_closed(page)
    assert 'name="body"' not in page
    assert "reply_to" not in page
    assert "interessante…" in page
    assert says_closed(await shown(http, "/embed/comments.html"))
    assert await status_of(http, body="troppo tardi") == 403
    assert await status_of(http, body="troppo tardi", parent_id=parent) == 403
    assert await status_of(http, page_url=f"{PAGE}/nuova") == 202
    for known in (
        {"If-Modified-Since": before.headers["Last-Modified"]},
        {"If-None-Match": before.headers["ETag"]},
    ):
        answer = await http.get(COMMENTS, params={"page_url": PAGE}, headers=known)
        assert answer.status == 200
        assert parsedate_to_datetime(answer.headers["Last-Modified"]) == clock.now

    await put(http, "open")
    form = await form_of(http)
    assert (form["is_closed"], form["closes_at"]) == (False, None)
    assert await status_of(http, body="di nuovo", parent_id=parent) == 202
    await put(http, "by_rule")
    assert (await form_of(http))["is_closed"]
    assert await status_of(http, body="di nuovo chiusa") == 403


async def test_a_closed_page_refuses_every_form_in_words_and_gives_the_text_back(http: ClientSession) -> None:
    await post(http, body="prima", headers={"Idempotency-Key": "one"})
    await put(http, "closed")
    assert await form_of(http) | {"is_closed": True, "closes_at": None} == await form_of(http)
    answer = await http.post(COMMENTS, json=a_submission(body=TEXT), headers={"Idempotency-Key": "two"})
    problem = await answer.json()
    assert (answer.status, problem["type"]) == (403, "urn:moderation-service:problem:comments_closed")
    assert says_closed(problem["detail"], "en")
    again = await http.post(COMMENTS, json=a_submission(body="prima"), headers={"Idempotency-Key": "one"})
    assert again.status == 202

    ours, kind = urlencoded(a_submission(body=TEXT))
    of_wordpress = {"page_url": PAGE, "comment": TEXT, "author": "Giuliana", "email": ADDRESS}
    theirs, _ = urlencoded(of_wordpress)
    for path, body in ((COMMENTS, ours), ("/wp-comments-post.php", theirs)):
        for language in LANGUAGES:
            refused = await http.post(path, data=body, headers={**kind, "Accept-Language": language})
            page = await refused.text()
            assert refused.status == 403
            assert says_closed(unescape(page), language), (path, language)
            assert "interessante… e &lt;lungo&gt;</textarea>" in page
            assert "<form" not in page
    for language in LANGUAGES:
        for path in ("/comments", "/embed/comments.html"):
            assert says_closed(await shown(http, path, language), language), (path, language)
    assert [one["body"] for one in await queued(http)] == ["prima"]


async def test_a_page_can_be_closed_before_anybody_comments_on_it(http: ClientSession) -> None:
    await put(http, "closed", f"{PAGE}/vuota")
    assert await status_of(http, page_url=f"{PAGE}/vuota/") == 403
    assert await status_of(http) == 202
    await put(http, "by_rule", f"{PAGE}/vuota")
    assert await status_of(http, page_url=f"{PAGE}/vuota/", body="ora") == 202


async def test_every_replica_knows_of_a_closed_page_and_does_so_from_its_start(start: Start, clock: Clock) -> None:
    one, other = await start(clock=clock), await start(clock=clock)
    async with client_of(one.url) as http, client_of(other.url) as elsewhere:
        await published(http)
        assert not (await form_of(elsewhere))["is_closed"]
        for commenting, status in (("closed", 403), ("open", 202)):
            await put(http, commenting)
            assert await status_of(http, body=f"qui {status}") == status
            await until(lambda is_closed=commenting == "closed": refuses(other) is is_closed)  # type: ignore[misc]
            assert await status_of(elsewhere, body=f"là {status}") == status
            assert (await form_of(elsewhere))["is_closed"] is (commenting == "closed")
        await put(http, "closed")
        third = await start(clock=clock)
        async with client_of(third.url) as started_later:
            assert await status_of(started_later, body="più tardi") == 403


@pytest.mark.parametrize("rule", ["", RULE])
async def test_a_comment_costs_no_look_at_its_page_beyond_the_first(
    http: ClientSession, rule: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for body in ("prima", "seconda"):
        await post(http, body=body)
        clock.advance(seconds=1)
    looked: list[Any] = []
    look: Callable[..., Any] = stored_pages.met

    async def counting(connection: Connection, page_ids: list[str]) -> Any:
        looked.append(page_ids)
        return await look(connection, page_ids)

    monkeypatch.setattr(stored_pages, "met", counting)
    for number in range(3):
        await post(http, body=f"{number}")
    assert looked == []
    clock.advance(days=15)
    assert await status_of(http, body="tardi") == (403 if rule else 202)
