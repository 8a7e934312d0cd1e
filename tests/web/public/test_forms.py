"""Plain forms: back to the page, or a page on which nothing is lost; and who may post from where."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.web.routes import ENDPOINTS
from tests.conftest import Clock
from tests.support.cases import in_turn
from tests.support.factories import OTHER_PAGE, PAGE, a_submission
from tests.support.forms import Form
from tests.support.hostile import HOSTILE_ADDRESSES
from tests.support.posting import COMMENTS, multipart, published, queued, urlencoded, without_note

OWN = "https://www.example.org"


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for what is decided before it."""
    return f"sqlite:///{tmp_path}/test.db"


async def send(http: ClientSession, headers: dict[str, str] | None = None, **changed: Any) -> ClientResponse:
    body, kind = urlencoded({name: value for name, value in a_submission(**changed).items() if value is not None})
    return await http.post(COMMENTS, data=body, headers=kind | (headers or {}), allow_redirects=False)


@in_turn(
    "page_url, redirect_to, location",
    [
        (PAGE, None, PAGE),
        (PAGE, "", PAGE),
        (f"{PAGE}?utm_source=x#respond", None, f"{PAGE}?utm_source=x"),
        (PAGE, "/grazie?a=1#fine", f"{OWN}/grazie?a=1#fine"),
        (PAGE, "grazie", f"{OWN}/grazie"),
        (PAGE, "?inviato", f"{PAGE}?inviato"),
        (PAGE, "#respond", f"{PAGE}#respond"),
        (PAGE, f"{OWN}/grazie", f"{OWN}/grazie"),
        (f"{OWN}/caffè", "?città=Forlì", f"{OWN}/caff%C3%A8?citt%C3%A0=Forl%C3%AC"),
        (f"{OWN}/caffè", None, f"{OWN}/caff%C3%A8"),
    ],
)
async def test_a_visitor_is_sent_back_to_the_page_or_where_it_says(
    http: ClientSession, clock: Clock, page_url: str, redirect_to: str | None, location: str
) -> None:
    clock.advance(minutes=11)
    answer = await send(http, page_url=page_url, redirect_to=redirect_to)
    assert answer.status == 303
    assert without_note(answer.headers["Location"]) == location
    assert answer.headers["Cache-Control"] == "no-store"


@in_turn("redirect_to", [*(one for one in HOSTILE_ADDRESSES if "\ud800" not in one), OTHER_PAGE])
async def test_nobody_is_sent_to_another_site(http: ClientSession, clock: Clock, redirect_to: str) -> None:
    clock.advance(minutes=11)
    answer = await send(http, redirect_to=redirect_to)
    if answer.status == 422:
        assert "redirect_to-fault" in await answer.text()
        assert not redirect_to.isprintable()
        return
    assert answer.status == 303
    location = answer.headers["Location"]
    assert location.startswith(f"{OWN}/")
    assert location.isascii()
    assert location.isprintable()
    assert "\\" not in location
    assert "Set-Cookie" not in answer.headers


HOSTILE_TEXT = "\n</textarea><script>alert(1)</script> & \"x\" 'y' {{ 7*7 }} è\n\n  rientro"


@pytest.mark.parametrize("encode", [urlencoded, multipart])
async def test_nothing_that_was_entered_is_lost_on_the_page_with_the_errors(
    http: ClientSession, encode: Any
) -> None:
    entered = a_submission(
        body=HOSTILE_TEXT, author_name='"><script>alert(2)</script>', author_email="nessuno", redirect_to="/grazie"
    )
    body, headers = encode(entered)
    answer = await http.post(COMMENTS, data=body, headers=headers | {"Accept-Language": "it"})
    text = await answer.text()
    assert answer.status == 422
    assert answer.content_type == "text/html"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    form = Form(text)
    assert form.action == "https://comments.example.net/api/v1/comments"
    assert "script" not in form.tags
    # a browser takes away the line feed right behind <textarea>, so one more stands there
    form.values["body"] = form.values["body"].removeprefix("\n")
    assert {name: form.values[name] for name in entered} == entered
    assert "Inserisci un indirizzo e-mail valido." in text
    assert 'aria-invalid="true" aria-describedby="author_email-fault"' in text

    mended = form.values | {"author_email": "giuliana@example.com"}
    again, headers = encode(mended)
    answer = await http.post(COMMENTS, data=again, headers=headers | {"Origin": "null"}, allow_redirects=False)
    assert (answer.status, without_note(answer.headers["Location"])) == (303, f"{OWN}/grazie")
    [kept] = await queued(http)
    assert kept["body"] == HOSTILE_TEXT.strip()


@in_turn("field, value", [("redirect_to", "/" * 2_001), ("page_title", "t" * 501), ("parent_id", "7")])
async def test_a_fault_that_a_visitor_cannot_mend_is_shown_and_not_sent_again(
    http: ClientSession, clock: Clock, field: str, value: str
) -> None:
    clock.advance(minutes=11)
    answer = await send(http, **dict[str, Any]({field: value}))
    assert answer.status == 422
    text = await answer.text()
    assert f'id="{field}-fault"' in text
    assert field not in Form(text).values
    again = await send(http, **dict[str, Any](Form(text).values))
    assert again.status == 303


@in_turn(
    "headers, changed, status, words",
    [
        ({}, {"page_url": "https://nobody.example/"}, 403, "Unknown site"),
        ({"Origin": "https://evil.example"}, {}, 403, "Inviato da un altro sito"),
        ({"Idempotency-Key": ""}, {}, 422, "Controlla"),
        ({"Accept-Language": "en"}, {"body": ""}, 422, "Please check"),
        ({}, {"body": "x" * 262_144}, 413, "Too large"),
    ],
)
async def test_every_refusal_of_a_form_is_a_page(
    http: ClientSession, headers: dict[str, str], changed: dict[str, str], status: int, words: str
) -> None:
    answer = await send(http, headers, **changed)
    assert (answer.status, answer.content_type) == (status, "text/html")
    assert f"<h1>{words}" in await answer.text()


ORIGINS = [
    (OWN, 202),
    ("null", 202),
    (None, 202),
    ("https://comments.example.net", 202),
    ("https://altro.example.com", 403),
    ("http://www.example.org", 403),
    ("https://www.example.org:8443", 403),
    ("https://www.example.org.evil.example", 403),
    ("https://evil.example", 403),
    ("", 403),
    ("NULL", 403),
]


@in_turn("origin, status", ORIGINS)
async def test_only_pages_of_the_site_may_post(
    http: ClientSession, clock: Clock, origin: str | None, status: int
) -> None:
    clock.advance(minutes=11)
    headers = {} if origin is None else {"Origin": origin}
    assert (await http.post(COMMENTS, json=a_submission(), headers=headers)).status == status
    assert (await send(http, headers, body="altro")).status == (303 if status == 202 else 403)


@in_turn(
    "origin, may_post",
    [(OWN, True), ("https://altro.example.com", True), ("https://evil.example", False), ("null", False)],
)
async def test_a_script_of_a_listed_site_may_ask_and_post_and_no_other(
    http: ClientSession,
    origin: str,
    may_post: bool,  # noqa: FBT001
) -> None:
    asked = await http.options(
        COMMENTS,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,idempotency-key",
        },
    )
    assert asked.status == 204
    posted = await http.post(COMMENTS, json=a_submission(body=""), headers={"Origin": origin})
    for answer in (asked, posted):
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if may_post else None)
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    allowed = {name.strip().lower() for name in asked.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"content-type", "idempotency-key"} <= allowed


@in_turn("path", [f"{COMMENTS}?page_url={PAGE}", f"{COMMENTS}/x", COMMENTS, "/openapi.json"])
async def test_a_script_of_any_site_may_read_errors_included(http: ClientSession, path: str) -> None:
    answer = await http.get(path, headers={"Origin": "https://evil.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@in_turn("path", ["/api/v1/moderation/comments", "/health/ready", "/moderate/eA.eA.eHh4/approve"])
async def test_no_script_of_another_site_reads_what_is_not_public(http: ClientSession, path: str) -> None:
    answer = await http.get(path, headers={"Origin": OWN})
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_every_get_route_answers_head_with_the_same_headers_and_no_body(http: ClientSession) -> None:
    comment_id = await published(http)
    parts = {"comment_id": comment_id, "token": "eA.eA.eHh4", "decision": "approve"}
    for endpoint in ENDPOINTS:
        if endpoint.method != "GET":
            continue
        path = "".join(
            parts.get(piece.partition(":")[0], piece) for piece in endpoint.path.replace("}", "{").split("{")
        )
        if endpoint.query is not None:
            path += f"?page_url={PAGE}"
        got, head = [await http.request(one, path, allow_redirects=False) for one in ("GET", "HEAD")]
        assert (head.status, await head.read()) == (got.status, b""), path
        same = {"Content-Type", "Content-Length", "ETag", "Cache-Control"}
        for name in same - ({"Content-Length"} if path == "/metrics" or got.status == 303 else set()):
            assert head.headers.get(name) == got.headers.get(name), (path, name)


@in_turn("path", [COMMENTS, f"{COMMENTS}/x", "/health/live", "/moderate/eA.eA.eHh4/approve"])
async def test_another_method_is_told_which_there_are(http: ClientSession, path: str) -> None:
    answer = await http.put(path)
    assert answer.status == 405
    allowed = {one.strip() for one in answer.headers["Allow"].split(",")}
    assert {"GET", "HEAD"} <= allowed
    assert "PUT" not in allowed
    assert ("POST" in allowed) is any(
        one.method == "POST" and one.path.split("{")[0] == urlsplit(path).path.split("eA.")[0] for one in ENDPOINTS
    )
