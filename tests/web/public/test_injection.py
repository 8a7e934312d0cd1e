"""What visitors write stays text: in headers, in pages, in the mail."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession
from yarl import URL

from tests.support import misbehaving_http
from tests.support.cases import in_turn, one_engine
from tests.support.contract import client_of
from tests.support.desk import logged_in
from tests.support.factories import PAGE, a_submission
from tests.support.hostile import SCRIPTS
from tests.support.mailed import ANNA, post, press
from tests.support.processes import command, free_port
from tests.support.running import until
from tests.support.smtp import MailServer

LINES = {
    "CRLF": "a\r\nBcc: evil@example.com",
    "LF": "a\nBcc: evil@example.com",
    "CR": "a\rBcc: evil@example.com",
    "null": "a\0Bcc: evil@example.com",
    "vertical tab": "a\vBcc: evil@example.com",
    "form feed": "a\fBcc: evil@example.com",
    "next line": "a\x85Bcc: evil@example.com",
    "line separator": "a\u2028Bcc: evil@example.com",
    "paragraph separator": "a\u2029Bcc: evil@example.com",
    "unit separator": "a\x1fBcc: evil@example.com",
}
FIELDS = ("author_name", "page_title", "author_email", "author_url", "page_url", "parent_id")
HEADER_LIKE = (
    "Bcc: evil@example.com",
    "=?utf-8?q?a=0D=0ABcc=3A_evil=40example.com?=",
    "=?utf-8?b?YQ0KQmNjOiBldmlsQGV4YW1wbGUuY29t?=",
    "=?utf-8?q?=0A=0A<b>body</b>?= =?us-ascii?q?=0D?=",
    "=?utf-7?q?+AA0ACg-Bcc: evil@example.com?=",
    "=?unknown?b?////?=",
    '"Anna" <evil@example.com>, evil@example.com; (',
    "x" * 245,
    "人" * 245,
    "%s %(name)s {0} {{ 7*7 }} {% raw %}",
)
_ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "link",
        "style",
        "body",
        "main",
        "nav",
        "div",
        "span",
        "p",
        "br",
        "h1",
        "h2",
    ),
    *("strong", "bdi", "a", "article", "form", "input", "button", "label", "textarea", "section", "ol", "li"),
    *("em", "cite", "header", "footer", "time", "table", "tbody", "tr", "td", "b"),
    *("svg", "symbol", "use", "path", "circle", "rect"),
    *("details", "summary", "select", "option"),
}

DEMOS_OWN = [
    ("pre", {"class": "card mail-text"}),
    ("iframe", {"class": "mail", "title": "HTML", "src": "/demo/mailbox/1/html"}),
    ("base", {"target": "_top"}),
]


class Markup(HTMLParser):
    """All elements and attributes of a page, as a browser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def assert_harmless(self, where: str) -> None:
        for tag, attributes in self.elements:
            assert tag in _ALLOWED, f"<{tag}> in {where}"
            assert not [name for name in attributes if name.startswith("on")], f"{attributes} in {where}"
            for name in ("href", "src", "action"):
                target = attributes.get(name) or ""
                assert "evil.example" not in urlsplit(target).netloc, f"{target} in {where}"
                assert urlsplit(target).scheme in ("", "http", "https"), f"{target} in {where}"


@one_engine
@in_turn("field", FIELDS)
@in_turn("text", LINES.values())
async def test_no_single_line_field_takes_a_line_break(
    http: ClientSession, smtp: MailServer, field: str, text: str
) -> None:
    value = f"https://www.example.org/{text}" if field.endswith("url") else text
    in_json = await http.post("/api/v1/comments", json=a_submission(**{field: value}))
    assert in_json.status == 422
    assert field in (await in_json.json())["errors"]
    in_form = await http.post("/api/v1/comments", data=a_submission(**{field: value}), allow_redirects=False)
    assert in_form.status == 422
    assert not smtp.mails
    for answer in (in_json, in_form):
        assert "Bcc" not in answer.headers


@pytest.mark.parametrize("text", HEADER_LIKE)
@one_engine
async def test_text_that_looks_like_a_header_makes_none(http: ClientSession, smtp: MailServer, text: str) -> None:
    plain = await post(http, smtp, body="altro")
    posted = await post(http, smtp, author_name=text, page_title=text)
    for mail in posted.mails.values():
        assert sorted(mail.message.keys()) == sorted(plain.mails[ANNA].message.keys())
        head = mail.raw.partition(b"\r\n\r\n")[0].decode("ascii")
        assert not re.search(r"^bcc", head, re.IGNORECASE | re.MULTILINE)
        assert max(map(len, head.split("\r\n"))) <= 998
        assert "\n" not in head.replace("\r\n", "")
        subject = str(mail.message["Subject"])
        assert (visible(text)[:40] in visible(subject)) == ("@" not in text)
        assert subject.startswith("[Associazione dell'Esempio]")
        assert visible(text) in visible(mail.text())
    page = await (await http.get(posted.path("approve"))).text()
    assert "49" not in page.partition("<main>")[2].partition("<article")[2].partition("</strong>")[0]


@pytest.mark.parametrize("text", SCRIPTS)
@one_engine
async def test_markup_in_every_field_comes_out_as_text(http: ClientSession, smtp: MailServer, text: str) -> None:
    url = f"https://evil.example/{text}".replace(" ", "%20")
    fields = {
        "author_name": text,
        "page_title": text,
        "body": f"{text}\n\n[x](javascript:alert(1)) ![x](https://evil.example/x.png) <{url}>",
        "page_url": f"{PAGE}?{text}".replace(" ", "%20"),
    }
    if "\u202e" not in text:
        fields["author_url"] = url
    posted = await post(http, smtp, **fields)
    for mail in posted.mails.values():
        markup = Markup(mail.html())
        markup.assert_harmless("the mail")
        links = [attributes["href"] for tag, attributes in markup.elements if tag == "a"]
        assert {urlsplit(str(link)).netloc for link in links} == {"www.example.org", "comments.example.net"}
    for answer in (
        await http.get(posted.path("approve")),
        await press(http, posted.path("approve")),
        await press(http, posted.path("reject")),
        await http.post("/api/v1/comments", data=fields | {"author_email": text, "redirect_to": text}),
        await http.post("/api/v1/comments", data=fields | {"page_url": text, "parent_id": text}),
    ):
        page = await answer.text()
        assert answer.content_type == "text/html"
        Markup(page).assert_harmless(str(answer.url))
        assert_guarded(answer)
    listed = await (await http.get("/api/v1/comments", params={"page_url": fields["page_url"]})).json()
    [comment] = listed["comments"]
    for tag, attributes in Markup(comment["body_html"]).elements:
        assert tag in {"p", "br", "a", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li"}
        assert set(attributes) <= {"href", "rel"}
        assert urlsplit(str(attributes.get("href", ""))).scheme in ("", "http", "https")


@one_engine
async def test_no_address_that_a_visitor_writes_is_connected_to(http: ClientSession, smtp: MailServer) -> None:
    """Neither when it comes in, nor for mail, lists, feeds or the desk."""
    async with misbehaving_http.answers("200 OK") as server:
        url = f"{server.url}/x.png"
        posted = await post(http, smtp, author_url=url, page_title=url, body=f"[x](x) ![x]({url})")
        anna = await logged_in(http, smtp)
        assert server.url in await (await anna.get("/desk")).text()
        assert (await press(http, posted.path("approve"))).status == 200
        for path in (
            f"/api/v1/comments?page_url={PAGE}",
            f"/comments?page_url={PAGE}",
            f"/feeds/atom?page_url={PAGE}",
        ):
            assert server.url in await (await http.get(path)).text()
        assert server.requests == []
        await http.get(f"{server.url}/heard")
        assert len(server.requests) == 1


async def test_the_demos_pages_take_markup_for_text(tmp_path: Path) -> None:
    text = "".join(SCRIPTS[:-1])
    settings = {"MODERATION_LISTEN": f"127.0.0.1:{free_port()}", "MODERATION_SCREENING": "off"}
    async with command("demo", environ=settings, folder=tmp_path) as demo:
        await demo.wait_for("Stop with Ctrl-C.")
        async with client_of(demo.url) as http:
            fields = a_submission(page_url=f"{demo.url}/demo", author_name=text[:245], page_title=text, body=text)
            assert (await http.post("/api/v1/comments", json=fields)).status == 202

            async def mailbox() -> str:
                return await (await http.get("/demo/mailbox")).text()

            async def both_mails_came() -> bool:
                return "/demo/mailbox/2" in await mailbox()

            await until(both_mails_came)
            box = await mailbox()
            mail = await (await http.get("/demo/mailbox/1")).text()
            html = await http.get("/demo/mailbox/1/html")
            approve = re.findall(r'href="([^"]*/approve)"', await html.text())[0]
            shown = await (await http.get(approve)).text()
            fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', shown))
            assert (await http.post(approve, data=fields)).status == 200
            page = await (await http.get("/demo")).text()
            for content in (box, mail, await html.text(), page):
                assert "alert(1)" in content
                found = Markup(content)
                links = [urlsplit(str(attributes.get("href", ""))) for _, attributes in found.elements]
                assert {link.scheme for link in links} <= {"", "http", "https"}
                found.elements = [one for one in found.elements if one not in DEMOS_OWN and one[0] != "a"]
                found.assert_harmless("the demo")
            assert "sandbox" in html.headers["Content-Security-Policy"]
            assert "script-src" not in html.headers["Content-Security-Policy"]


def visible(text: str) -> str:
    """A text without its blanks, and without what directs it."""
    return re.sub(r"[\s\u2060\u2068\u2069]", "", text)


@one_engine
async def test_every_page_is_guarded_by_its_headers(http: ClientSession, smtp: MailServer) -> None:
    posted = await post(http, smtp)
    html: dict[str, Any] = {"headers": {"Accept": "text/html"}}
    for answer in (
        await http.get(posted.path("approve")),
        await http.head(posted.path("approve")),
        await press(http, posted.path("approve")),
        await press(http, posted.path("reject")),
        await press(http, posted.path("reject"), "nonsense"),
        await http.post(posted.path("reject"), data=b"x" * 300_000),
        await http.post(posted.path("reject"), data=b"x", headers={"Content-Type": "text/plain"}),
        await http.get("/moderate/forged/approve"),
        await http.get("/nowhere", **html),
        await http.delete("/api/v1/comments", **html),
        await http.post("/api/v1/comments", data={"body": "x"}),
        await http.post("/api/v1/comments", data=a_submission(page_url="https://elsewhere.example/")),
    ):
        assert answer.content_type == "text/html", answer.url
        assert_guarded(answer)
        page = await answer.text()
        assert not re.search(r"<script|\son\w+=|javascript:|\sstyle=", page), answer.url


@one_engine
async def test_no_answer_lets_a_browser_guess_its_kind(http: ClientSession) -> None:
    for path in ("/openapi.json", f"/api/v1/comments?page_url={PAGE}", "/nowhere", "/static/pages.css"):
        answer = await http.get(path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        await answer.read()


@one_engine
@in_turn(
    "name",
    [
        "",
        "../app.py",
        "%2e%2e%2fapp.py",
        "%00",
        "pages.css%00",
        "pages.css/x",
        "%ff",
        "%e4%ba%ba" * 100,
        "a" * 300,
    ],
)
async def test_a_static_file_is_one_of_ours_or_not_found(http: ClientSession, name: str) -> None:
    answer = await http.get(URL(f"/static/{name}", encoded=True))
    assert answer.status == 404


def assert_guarded(answer: ClientResponse) -> None:
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";") if part
    )
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] in ("'self'", "'self' https://www.example.org")
    assert "script-src" not in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
