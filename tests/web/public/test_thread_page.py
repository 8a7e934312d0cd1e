"""The comments of a page as a page of their own: read, answered and sent back to without JavaScript."""

import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession

from tests.conftest import Clock, Start
from tests.support.cases import in_turn, one_engine
from tests.support.contract import client_of
from tests.support.factories import ADDRESS, OTHER_PAGE, PAGE, a_submission
from tests.support.forms import Form
from tests.support.posting import COMMENTS, decide, post, published, urlencoded, without_note
from tests.support.seeding import stored

PUBLIC = "https://comments.example.net"
AS_TYPED = "viene mostrato così come l’hai scritto"
THANKS = "Grazie, il tuo commento è arrivato"
NOBODY = "0197c0de-0000-7000-8000-000000000001"
_ARTICLE = re.compile(r'<article class="comment depth-(\d)" id="comment-([^"]+)">(.*?)</article>', re.DOTALL)


async def opened(http: ClientSession, page_url: str = PAGE, **query: str) -> str:
    answer = await http.get("/comments", params={"page_url": page_url, **query})
    assert answer.status == 200, await answer.text()
    return await answer.text()


def shown(page: str) -> list[tuple[str, int]]:
    """The comments of a page from top to bottom, and how far each is indented."""
    return [(comment_id, int(depth)) for depth, comment_id, _ in _ARTICLE.findall(page)]


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


async def test_a_page_without_comments_shows_the_form_and_how_to_fill_it_in(http: ClientSession) -> None:
    page = await opened(http)
    assert "Commenti a https://www.example.org/chi-siamo" in text_of(page)
    assert "(mai mostrata)" in page
    assert "Ancora nessun commento." in page
    assert "sono obbligatori" in page
    form = Form(page)
    assert form.action == f"{PUBLIC}{COMMENTS}"
    assert form.values.pop("form_stamp")
    assert {name: value for name, value in form.values.items() if not name.startswith("topic_")} == {
        "page_url": PAGE,
        "redirect_to": f"{PUBLIC}/comments",
        "body": "",
        "author_name": "",
        "author_email": "",
        "author_url": "",
    }
    assert re.findall(r'name="(\w+)"[^>]* required', page) == ["body", "author_name", "author_email"]


async def test_approved_comments_are_shown_as_threads_and_no_others(http: ClientSession) -> None:
    first = await published(http, author_url="https://giuliana.example/?a=1&b=2", body="*interessante*")
    other = await published(http, author_name="Ugo", body="altro")
    answer = await published(http, author_name="Bruno", body="risposta", parent_id=first)
    deeper = await published(http, author_name="Lia", body="ancora", parent_id=answer)
    await post(http, author_name="Aspetta", body="in attesa")
    await decide(http, "reject", (await post(http, author_name="Rifiutato", body="rifiutato"))["id"])
    await published(http, page_url=f"{PAGE}/altrove", author_name="Altrove", body="altrove")
    page = await opened(http)
    assert shown(page) == [(first, 0), (answer, 1), (deeper, 2), (other, 0)]
    assert "4 commenti a Chi siamo" in text_of(page)
    assert "<em>interessante</em>" in page
    assert '<a href="https://giuliana.example/?a=1&amp;b=2" rel="nofollow ugc noopener"><bdi>Giuliana' in page
    assert '<time datetime="2026-11-22T10:00:00+00:00">22 novembre 2026, 11:00</time>' in page
    assert f'In risposta a <a target="_self" href="#comment-{first}"><bdi>Giuliana</bdi></a>' in page
    assert not re.search("Aspetta|Rifiutato|Altrove", page)
    assert ADDRESS not in page


async def test_an_answer_to_a_withdrawn_comment_stays_an_answer(http: ClientSession) -> None:
    parent = await published(http, author_name="Sparita")
    answer = await published(http, author_name="Bruno", body="risposta", parent_id=parent)
    await decide(http, "undo", parent)
    page = await opened(http)
    assert shown(page) == [(answer, 1)]
    assert "In risposta a un commento non visibile qui" in page
    assert "Sparita" not in page


async def test_the_page_is_cut_by_threads_and_every_date_leads_to_its_comment(start: Start) -> None:
    running = await start(screening="off")
    async with client_of(running.url) as http:
        roots = [await published(http, body=f"numero {n}") for n in range(3)]
        reply = await published(http, body="risposta", parent_id=roots[0])
        query = {"limit": "1", "lang": "en"}
        first = await opened(http, **query)
        assert shown(first) == [(roots[0], 0), (reply, 1)]
        [to_reply] = re.findall(rf'href="([^"]+#comment-{reply})"><time', first)
        path = f"/comments{unescape(to_reply).partition('#')[0]}"
        assert shown(await (await http.get(path)).text()) == shown(first)
        last = await opened(http, around=roots[2], **query)
        assert shown(last) == [(roots[2], 0)]
        previous = re.search(r'href="([^"]+)">Previous comments', last)
        assert previous is not None
        page = await (await http.get(f"/comments{unescape(previous[1])}")).text()
        assert shown(page) == [(roots[1], 0)]
        assert "Previous comments" not in page
        assert "Back to the first comments" in page
        for nobody in (NOBODY, (await post(http))["id"]):
            assert shown(await opened(http, around=nobody, **query)) == shown(first)
        more = await stored(running, (f"n {n}" for n in range(201)), is_approved=True, parent_id=roots[1])
        page = await opened(http, around=roots[1], **query)
        assert len(shown(page)) == 200
        left = re.search(r'href="([^"]+)">2 more replies', page)
        assert left is not None
        rest = await (await http.get(f"/comments{unescape(left[1]).replace('limit=1', 'limit=50')}")).text()
        assert [one for one, _ in shown(rest)] == more[-2:]
        assert "All comments" in rest
        fragment = await (await http.get("/embed/comments.html", params={"page_url": PAGE, "lang": "en"})).text()
        assert "more replies</a>" in fragment
        assert len(re.findall("<article", fragment)) == 200


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_the_links_to_the_next_comments_lead_past_each_once(http: ClientSession, order: str) -> None:
    ids = [await published(http, body=f"numero {n}") for n in range(5)]
    page = await opened(http, limit="2", order=order, lang="en")
    seen = shown(page)
    while following := re.search(r'href="([^"]+)">Next comments', page):
        page = await (await http.get(f"/comments{unescape(following[1])}")).text()
        seen += shown(page)
        assert "Back to the first comments" in page
    assert seen == [(one, 0) for one in (ids if order == "oldest" else reversed(ids))]


@in_turn("which", ["approved", "pending", "elsewhere", "unknown", "none"])
async def test_the_form_answers_only_what_may_be_answered(http: ClientSession, which: str) -> None:
    made = {
        "approved": lambda: published(http),
        "pending": lambda: waiting(http),
        "elsewhere": lambda: published(http, page_url=f"{PAGE}/altrove"),
    }
    comment_id = await made[which]() if which in made else NOBODY
    page = await opened(http, lang="en", **({} if which == "none" else {"reply_to": comment_id}))
    may_answer = which == "approved"
    assert Form(page).values.get("parent_id") == (comment_id if may_answer else None)
    assert ("Reply to Giuliana" in text_of(page[page.index('<section id="form"') :])) is may_answer
    assert ("Write a comment" in page) is not may_answer


async def waiting(http: ClientSession) -> str:
    return str((await post(http, body="in attesa"))["id"])


@one_engine
@in_turn(
    "query, accepted, language",
    [
        ({}, None, "it"),
        ({}, "nl", "it"),
        ({}, "fr, en;q=0.5", "fr"),
        ({"lang": "de"}, "fr", "de"),
        ({"lang": "es"}, None, "es"),
        ({"lang": "nl"}, None, "it"),
        ({"page_url": OTHER_PAGE}, None, "en"),
    ],
)
async def test_the_page_speaks_the_language_that_is_asked_for(
    http: ClientSession, query: dict[str, str], accepted: str | None, language: str
) -> None:
    headers = {"Accept-Language": accepted} if accepted else {}
    answer = await http.get("/comments", params={"page_url": PAGE} | query, headers=headers)
    assert f'<html lang="{language}">' in await answer.text()
    assert "Accept-Language" in answer.headers["Vary"]
    assert answer.headers["Cache-Control"] == "public, max-age=0, must-revalidate, s-maxage=5"


@one_engine
@in_turn(
    "query, status, words",
    [
        ({}, 422, "does not say which page"),
        ({"page_url": "javascript:alert(1)"}, 422, "page_url: Please enter a web address"),
        ({"page_url": "https://nobody.example/"}, 403, "Unknown site"),
        ({"page_url": PAGE, "cursor": "<b>"}, 422, "cursor: This cursor does not come"),
        ({"page_url": PAGE, "order": "<b>"}, 422, "order: This is not one of the allowed values."),
        ({"page_url": PAGE, "reply_to": "x"}, 422, "reply_to: The comment being replied to is not on this page."),
    ],
)
async def test_a_fault_is_a_page_that_says_what_is_wrong(
    http: ClientSession, query: dict[str, str], status: int, words: str
) -> None:
    answer = await http.get("/comments", params=query | {"lang": "en"})
    assert (answer.status, answer.content_type) == (status, "text/html")
    page = await answer.text()
    assert words in text_of(page)
    assert "/desk" not in page
    assert "<b>" not in page
    assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_the_page_is_kept_until_it_changes(http: ClientSession) -> None:
    params = {"page_url": PAGE}
    before = await http.get("/comments", params=params)
    tag = {"If-None-Match": before.headers["ETag"]}
    again = await http.get("/comments", params=params, headers=tag)
    assert (again.status, await again.read()) == (304, b"")
    await published(http)
    after = await http.get("/comments", params=params, headers=tag)
    assert after.status == 200
    assert "interessante…" in await after.text()
    assert {"Set-Cookie"}.isdisjoint(after.headers)


def framed_by(answer: ClientResponse) -> str:
    [found] = re.findall(r"frame-ancestors ([^;]+)", answer.headers["Content-Security-Policy"])
    return str(found)


@one_engine
@in_turn(
    "redirect_to, framing",
    [(f"{PUBLIC}/comments", "https://www.example.org"), ("/grazie", "'none'"), (f"{PUBLIC}/desk", "'none'")],
)
async def test_pages_of_the_site_may_frame_it_and_what_its_form_brings_back(
    http: ClientSession, redirect_to: str, framing: str
) -> None:
    answer = await http.get("/comments", params={"page_url": PAGE})
    assert framed_by(answer) == "https://www.example.org"
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    other = await http.get("/comments", params={"page_url": OTHER_PAGE})
    assert framed_by(other) == "https://altro.example.com"
    faulty = await http.post(COMMENTS, data=a_submission(body="", redirect_to=redirect_to))
    assert faulty.status == 422
    assert framed_by(faulty) == framing
    may_be_framed = framing != "'none'"
    assert ("script-src 'self';" in faulty.headers["Content-Security-Policy"]) is may_be_framed
    assert ("/static/frame.js" in await faulty.text()) is may_be_framed


async def send(http: ClientSession, query: str = "", **changed: str) -> ClientResponse:
    body, kind = urlencoded(a_submission(**changed))
    return await http.post(f"{COMMENTS}{query}", data=body, headers=kind, allow_redirects=False)


@one_engine
@pytest.mark.parametrize("lang", [None, "de"])
async def test_the_form_leads_back_here_where_the_visitor_is_told_that_it_waits(
    http: ClientSession, lang: str | None
) -> None:
    page_url = f"{PAGE}?a=1&b=<caffè>"
    spoken = {"lang": lang} if lang else {}
    form = Form(await opened(http, page_url, page_title="Chi siamo", **spoken))
    behind = urlsplit(form.action)
    assert behind.query == urlencode(spoken)
    filled = form.values | {"author_name": "Giuliana", "author_email": "nessuno", "body": "interessante…"}
    mended = await http.post(f"{behind.path}?{behind.query}", data=filled)
    assert mended.status == 422
    form = Form(await mended.text())
    assert urlsplit(form.action) == behind
    filled = form.values | {"author_email": ADDRESS}
    answers = [
        await http.post(f"{behind.path}?{behind.query}", data=filled, allow_redirects=False) for _ in range(2)
    ]
    first, location = [answer.headers["Location"] for answer in answers]
    assert [answer.status for answer in answers] == [303, 303]
    assert without_note(first) == location.replace("&held=1", "").removesuffix("#held")
    comment_id = urlsplit(first).fragment.removeprefix("comment-")
    noted = await http.get(first.removeprefix(PUBLIC).partition("#")[0])
    assert noted.headers["Cache-Control"] == "no-store"
    assert f'id="comment-{comment_id}" role="status"' in await noted.text()
    assert location.startswith(f"{PUBLIC}/comments?")
    assert location.isascii()
    assert parse_qs(urlsplit(location).query) == {
        "page_url": [f"{PAGE}?a=1&b=<caff%C3%A8>"],
        "held": ["1"],
    } | {name: [value] for name, value in spoken.items()}
    assert urlsplit(location).fragment == "held"
    content = await (await http.get(location.removeprefix(PUBLIC))).text()
    assert re.search(r'id="held" role="status"', content)
    assert ("Danke, Ihr Kommentar ist angekommen." if lang else THANKS) in content
    assert "interessante…" not in content
    assert THANKS not in await opened(http, page_url)


@one_engine
async def test_the_author_of_too_much_markup_is_told_that_it_is_shown_as_typed(http: ClientSession) -> None:
    for body, is_told in (("un *commento*", False), ("**_" * 20_000, True)):
        form = Form(await opened(http))
        filled = form.values | {"author_name": "Giuliana", "author_email": ADDRESS, "body": body}
        answer = await http.post(urlsplit(form.action).path, data=filled, allow_redirects=False)
        location = answer.headers["Location"]
        content = text_of(await (await http.get(location.removeprefix(PUBLIC))).text())
        assert (AS_TYPED in content) is is_told


@one_engine
@in_turn(
    "redirect_to",
    [
        f"{PUBLIC}/comments?page_url={OTHER_PAGE}",
        f"{PUBLIC}/comments#x",
        f"{PUBLIC}/comments/",
        f"{PUBLIC}/comments/../desk",
        f"{PUBLIC}/desk",
        f"{PUBLIC}",
        f"{PUBLIC}.evil.example/comments",
        f"{PUBLIC}@evil.example/comments",
        f"{PUBLIC}:443/comments",
        "https://COMMENTS.example.net/comments",
        "http://comments.example.net/comments",
        "//comments.example.net/comments",
        "https://evil.example/comments",
        "https:\\\\comments.example.net/comments",
    ],
)
async def test_nothing_but_exactly_this_page_is_a_way_back_to_the_service(
    http: ClientSession, clock: Clock, redirect_to: str
) -> None:
    clock.advance(minutes=11)
    answer = await send(http, redirect_to=redirect_to)
    assert answer.status == 303
    assert answer.headers["Location"].startswith("https://www.example.org/")


async def test_the_longest_address_of_a_page_finds_its_way_back(http: ClientSession) -> None:
    page_url = PAGE + "?" + "&=" * ((2_000 - len(PAGE) - 1) // 2)
    canonical = (await post(http, page_url=page_url))["page_url"]
    form = Form(await opened(http, page_url))
    answer = await http.post(
        COMMENTS,
        data=form.values | {"author_name": "Ugo", "author_email": ADDRESS, "body": "lungo"},
        allow_redirects=False,
    )
    assert answer.status == 303
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["page_url"] == [canonical]
    assert THANKS in await (await http.get(answer.headers["Location"].removeprefix(PUBLIC))).text()


@one_engine
async def test_a_public_address_below_a_path_is_kept_in_every_link(start: Start) -> None:
    running = await start(public_url="https://example.net/moderation")
    async with client_of(running.url) as http:
        page = await opened(http)
        assert Form(page).action == "https://example.net/moderation/api/v1/comments"
        assert Form(page).values["redirect_to"] == "https://example.net/moderation/comments"
        assert 'href="/moderation/static/pages.css' in page
        answer = await send(http, redirect_to="https://example.net/moderation/comments")
        assert answer.headers["Location"].startswith("https://example.net/moderation/comments?page_url=")


async def test_a_pages_title_is_that_of_its_earliest_approved_comment_that_sent_one(http: ClientSession) -> None:
    def heading(page: str) -> str:
        return " ".join(re.findall(r"<h1>(.*?)</h1>", page, re.DOTALL)[0].split())

    assert "dal link" in heading(await opened(http, page_title="dal link"))
    await published(http, page_title=None)
    assert "dal link" in heading(await opened(http, page_title="dal link"))
    await published(http, page_title="Chi siamo", body="secondo")
    await published(http, page_title="Comprate qui", body="terzo")
    page = await opened(http, page_title="dal link")
    assert "<bdi>Chi siamo</bdi>" in heading(page)
    assert "page_title" not in Form(page).values
