"""Every page and every mail is HTML without errors, by the Nu HTML checker, the one of the W3C."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.domain.comments.notices import Notice
from moderation_service.locales import LANGUAGES
from tests.conftest import Clock, Start
from tests.support.composed import KINDS, REPORTER_KINDS, a_mail
from tests.support.desk import a_comment, logged_in, mailed_login
from tests.support.factories import PAGE, a_submission
from tests.support.mailed import press
from tests.support.posting import COMMENTS, decide, post, published, urlencoded
from tests.support.processes import command, free_port
from tests.support.running import until
from tests.support.smtp import MailServer
from tests.support.validators import faults_of_html

ANNA = "anna@example.org"
MARKUP = "**a** *b* `c` https://example.org\n\n> d\n\n- e\n- f\n\n1. g\n\n```\nh <i>\n```\n"
HTML = {"Accept": "text/html"}
_SHOWN = re.compile(r'name="shown" value="([^"]+)"')
_SNAPSHOT = re.compile(r'name="snapshot" value="([^"]+)"')

_MAIL = r"(mail_\w+|demo_mail_html): .*"
ALLOWED = {
    "Outlook for Windows leaves out the padding of links, and has a property of its own for that": re.compile(
        _MAIL + "“mso-padding-alt”"
    ),
    "Outlook for Windows lays tables out by attributes, not by styles": re.compile(
        _MAIL + "“(width|align|cellspacing|cellpadding)” attribute on the “(table|td)” element is obsolete"
    ),
    "Apple Mail called `color-scheme` so before it had that name": re.compile(_MAIL + "“supported-color-schemes”"),
    "A form shows again what was filled in, also what is no URL": re.compile(
        r"form_again_\w+: Bad value “y” for attribute “value” on element “input”"
    ),
    "A comment has an author and no heading; the standard writes comments as articles without any": re.compile(
        r"(approved?_all\w*|comments_\w+|decision_\w+): Article lacks heading"
    ),
}
"""Why something is no fault, and what is said of it."""


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for how pages are written."""
    return f"sqlite:///{tmp_path}/test.db"


class Pages:
    """Pages in a folder, each under a name that says which it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def add(self, name: str, html: str) -> str:
        assert html.lower().startswith("<!doctype html>"), (name, html[:200])
        (self.folder / f"{name.replace(' ', '_')}.html").write_text(html, encoding="utf-8")
        return html

    async def keep(self, name: str, answer: ClientResponse, status: int = 200) -> str:
        assert answer.status == status, (name, answer.status, await answer.text())
        return self.add(name, await answer.text())

    def faults(self) -> list[str]:
        """What is wrong in which page, without what is allowed."""
        found = {
            f"{Path(urlsplit(one['url']).path).stem}: {one['message']} {one.get('extract', '')}"
            for one in faults_of_html(self.folder)
        }
        return sorted(one for one in found if not any(allowed.match(one) for allowed in ALLOWED.values()))


async def public_pages(pages: Pages, http: ClientSession) -> None:
    await pages.keep("documentation", await http.get("/docs"))
    for language in LANGUAGES:
        spoken = {"Accept-Language": language}
        await pages.keep(f"front {language}", await http.get("/", headers=spoken))
        await pages.keep(f"comments of no page {language}", await http.get("/comments", headers=spoken), 422)
        empty = await http.get("/comments", params={"page_url": PAGE, "lang": language})
        await pages.keep(f"comments empty {language}", empty)
        form, kind = urlencoded(a_submission(body=" ", author_email="x", author_url="y"))
        await pages.keep(
            f"form again {language}", await http.post(COMMENTS, data=form, headers=kind | spoken), 422
        )
    first = await published(http, body=MARKUP, author_url="https://giuliana.example/?a=1&b=2")
    answer = await published(http, body="risposta", parent_id=first, author_name='<"&>')
    await published(http, body="ancora", parent_id=answer)
    asked: dict[str, Mapping[str, str]] = {
        "threads": {},
        "newest first": {"order": "newest"},
        "first of several": {"limit": "1"},
        "answering": {"reply_to": first},
        "held": {"held": "1"},
        "titled": {"page_title": "<i>&\"'"},
    }
    for name, query in asked.items():
        await pages.keep(f"comments {name}", await http.get("/comments", params={"page_url": PAGE, **query}))
    receipt = f"/receipts/{(await post(http, body=MARKUP))['receipt_url'].rpartition('/')[2]}"
    await pages.keep("receipt", await http.get(receipt))
    await pages.keep("receipt again", await http.post(receipt, data={"body": MARKUP}), 409)
    for name, query in (("whole", {}), ("first of several", {"limit": "1"})):
        part = await (await http.get("/embed/comments.html", params={"page_url": PAGE, **query})).text()
        head = '<!doctype html>\n<html lang="it"><head><title>Chi siamo</title></head>'
        page = f"{head}<body><h1>Chi siamo</h1>{part}</body>"
        pages.add(f"comments included {name}", page)
    await pages.keep("no such page", await http.get("/nothing", headers=HTML), 404)
    unknown = await http.get("/comments", params={"page_url": "https://unknown.example/"}, headers=HTML)
    await pages.keep("no such site", unknown, 403)
    await pages.keep("foreign method", await http.put("/comments", headers=HTML), 405)


async def pages_behind_mail(pages: Pages, http: ClientSession, smtp: MailServer, clock: Clock) -> None:
    await a_comment(http, body=MARKUP)
    clock.advance(hours=2)
    await until(lambda: [one for mail in smtp.to(ANNA) for one in mail.links() if one.endswith("/approve")])
    link = next(one for mail in smtp.to(ANNA) for one in mail.links() if one.endswith("/approve"))
    base = urlsplit(link).path.removesuffix("/approve")
    for decision in ("approve", "reject", "spam"):
        await pages.keep(f"decision {decision}", await http.get(f"{base}/{decision}"))
    await pages.keep("decision refused", await http.post(f"{base}/approve", data={"seen": "x"}), 422)
    await pages.keep("decision done", await press(http, f"{base}/approve"))
    await pages.keep("decision done already", await http.get(f"{base}/approve"))
    await pages.keep("decision changes", await http.get(f"{base}/reject"))
    await pages.keep("decision taken back", await press(http, f"{base}/undo", "approved"))
    await pages.keep("decision too late", await press(http, f"{base}/spam", "approved"), 409)
    await pages.keep("link that is none", await http.get("/moderate/none/approve", headers=HTML), 404)

    for number in range(3):
        await a_comment(http, body=f"{MARKUP} {number}")
    clock.advance(hours=2)
    await until(lambda: [one for mail in smtp.to(ANNA) for one in mail.links() if one.endswith("/all")])
    all_of_it = next(one for mail in smtp.to(ANNA) for one in mail.links() if one.endswith("/all"))
    page = await pages.keep("approve all", await http.get(urlsplit(all_of_it).path))
    await pages.keep("approve all without any", await http.post(urlsplit(all_of_it).path), 409)
    shown = _SHOWN.findall(page)[0]
    await pages.keep("approved all", await http.post(urlsplit(all_of_it).path, data={"shown": shown}))
    await pages.keep("approve all again", await http.get(urlsplit(all_of_it).path))
    clock.advance(days=31)
    await pages.keep("link that expired", await http.get(f"{base}/approve"), 410)


async def desk_pages(pages: Pages, http: ClientSession, smtp: MailServer) -> None:
    for language in LANGUAGES:
        await pages.keep(f"desk login {language}", await http.get("/desk", headers={"Accept-Language": language}))
    await pages.keep("desk login refused", await http.post("/desk/login", data={"email": "x"}), 422)
    await pages.keep("desk login asked", await http.post("/desk/login", data={"email": "nobody@example.org"}))
    path = await mailed_login(http, smtp, ANNA)
    await pages.keep("desk login link", await http.get(path))
    await pages.keep("desk login link that is none", await http.get("/desk/login/none", headers=HTML), 404)
    await pages.keep("desk without session", await http.get("/desk/comments/x", headers=HTML), 401)
    anna = await logged_in(http, smtp)
    ids = [await a_comment(http, body=f"{MARKUP} desk {number}") for number in range(53)]
    await decide(http, "reject", ids[0])
    await decide(http, "spam", ids[1])
    for name, query in {
        "queue": "",
        "all of them": "?status=any",
        "rejected": "?status=rejected",
        "nothing found": "?q=nirgends",
        "found": "?q=desk",
        "of one page": f"?status=any&page_url={PAGE}",
        "selected": "?scope=all",
    }.items():
        await pages.keep(f"desk {name}", await anna.get(f"/desk{query}"))
    await pages.keep("desk comment", await anna.get(f"/desk/comments/{ids[0]}"))
    await pages.keep("desk address", await anna.post(f"/desk/comments/{ids[0]}/address"))
    await pages.keep("desk comment seen", await anna.get(f"/desk/comments/{ids[0]}"))
    await anna.post("/desk/decisions", {"one": f"approve.{ids[2]}.pending.1"})
    await pages.keep("desk decided", await anna.get("/desk"))
    await pages.keep("desk forged", await anna.post("/desk/decisions", {"form_token": "x"}), 403)
    snapshot = _SNAPSHOT.findall(await (await anna.get("/desk?scope=all")).text())[0]
    bulk = {"snapshot": snapshot, "all": "spam"}
    await pages.keep("desk bulk", await anna.post("/desk/bulk", bulk))


async def report_pages(pages: Pages, http: ClientSession) -> None:
    report = f"/comments/{await published(http, body=f'di nuovo {MARKUP}')}/report"
    await pages.keep("report", await http.get(report))
    refused = await http.post(report, data={"reason": "gone", "explanation": MARKUP, "reporter_email": "y"})
    await pages.keep("report refused", refused, 422)
    await pages.keep("reported", await http.post(report, data={"reason": "insult", "explanation": MARKUP}))


async def demo_pages(pages: Pages, folder: Path) -> None:
    settings = {"MODERATION_LISTEN": f"127.0.0.1:{free_port()}", "MODERATION_MAIL_INTERVAL": "0"}
    async with command("demo", environ=settings, folder=folder) as process:
        await process.wait_for("Stop with Ctrl-C.")
        async with ClientSession(process.url) as http:
            await pages.keep("demo mailbox empty", await http.get("/demo/mailbox"))
            page_url = f"{process.url}/demo"
            posted = await http.post(COMMENTS, json=a_submission(page_url=page_url, body=MARKUP))
            assert posted.status == 202

            async def the_mail_came() -> bool:
                return (await http.get("/demo/mailbox/1")).status == 200

            await until(the_mail_came)
            for name, path in {
                "page": "/demo",
                "page sent": "/demo?sent=1",
                "fragment": "/demo/fragment",
                "widget": "/demo/widget",
                "frame": "/demo/frame",
                "wordpress": "/demo/wordpress",
                "pages": "/demo/pages",
                "garden": "/demo/garden",
                "mailbox": "/demo/mailbox",
                "mail": "/demo/mailbox/1",
                "mail html": "/demo/mailbox/1/html",
            }.items():
                await pages.keep(f"demo {name}", await http.get(path))


async def test_every_page_and_mail_is_html_without_errors(
    start: Start, clock: Clock, smtp: MailServer, tmp_path: Path
) -> None:
    pages = Pages(tmp_path / "pages")
    for kind in (
        *KINDS,
        "sample",
        "login",
        "attack",
        "proof",
        "statement",
        "statement of an edit",
        *Notice,
        *REPORTER_KINDS,
    ):
        for language in LANGUAGES:
            part = a_mail(kind, language).get_body(("html",))
            assert part is not None
            pages.add(f"mail {kind} {language}", part.get_content())
    running = await start(clock=clock, screening="off", mail_interval="60")
    async with ClientSession(running.url) as http:
        await public_pages(pages, http)
        await pages_behind_mail(pages, http, smtp, clock)
        await desk_pages(pages, http, smtp)
        await report_pages(pages, http)
    await demo_pages(pages, tmp_path)
    assert pages.faults() == []
