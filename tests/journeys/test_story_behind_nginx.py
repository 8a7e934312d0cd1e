"""One comment's whole story as design has it: PostgreSQL, two processes, a real nginx, with and without a path."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import pytest
from aiohttp import (
    ClientSession,
    TCPConnector,
    TraceConfig,
    TraceRequestEndParams,
    TraceResponseChunkReceivedParams,
)

from moderation_service.storage.engine.database import Database
from tests.support.deployment import LINKED, LIST, below_a_path, documented, follow, logs_in
from tests.support.factories import ADDRESS, PAGE, a_submission
from tests.support.mailed import ANNA, PAUL, html_links
from tests.support.nginx import nginx
from tests.support.posting import without_note
from tests.support.processes import Process, free_port, served
from tests.support.rows import all_rows
from tests.support.running import until
from tests.support.smtp import Mail, MailServer

_PROCESS = re.compile(r'moderation_mail_paused{process="(\d+)"}')
_FORM = re.compile(r'<form[^>]* action="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)


@dataclass(frozen=True, kw_only=True)
class House:
    """Two processes behind nginx; `url` is public, `heard` is every byte that a client was answered."""

    url: str
    process: Process
    folder: Path
    heard: bytearray = field(default_factory=bytearray)

    def client(self) -> ClientSession:
        """A client that keeps what it is answered."""

        async def hear(_: object, __: object, got: TraceResponseChunkReceivedParams) -> None:
            self.heard.extend(got.chunk)

        async def hear_headers(_: object, __: object, got: TraceRequestEndParams) -> None:
            self.heard.extend(str(got.response.headers).encode())

        trace = TraceConfig()
        trace.on_response_chunk_received.append(hear)
        trace.on_request_end.append(hear_headers)
        return ClientSession(trace_configs=[trace])

    async def listed(self) -> dict[str, list[str]]:
        """The ids that each process lists, by its number; each is asked on a connection of its own."""
        found: dict[str, list[str]] = {}

        async def both_were_asked() -> bool:
            async with ClientSession(self.process.url, connector=TCPConnector(limit=1)) as http:
                [number] = _PROCESS.findall(await (await http.get("/metrics")).text())
                answer = await (await http.get(LIST, params={"page_url": PAGE})).json()
                found[number] = [one["id"] for one in answer["comments"]]
            return len(found) == 2

        await until(both_were_asked)
        return found

    async def until_both_list(self, *ids: str) -> None:
        async def they_do() -> bool:
            return all(sorted(one) == sorted(ids) for one in (await self.listed()).values())

        await until(they_do)


@pytest.fixture(params=["no path", "passed on", "stripped"])
async def house(request: pytest.FixtureRequest, environ: dict[str, str], tmp_path: Path) -> AsyncIterator[House]:
    port, inner = free_port(), free_port()
    path = "" if request.param == "no path" else "/talk"
    url = f"http://127.0.0.1:{port}{path}"
    stripped = request.param == "stripped"
    http = (
        below_a_path(tmp_path, port, path=path, is_stripped=stripped)
        if path
        else documented("nginx.conf", tmp_path, port)
    )
    changed = {
        "MODERATION_PUBLIC_URL": url,
        "MODERATION_LISTEN": f"127.0.0.1:{inner}",
        "MODERATION_TRUSTED_PROXIES": "127.0.0.1/32",
        "MODERATION_METRICS_FROM": "127.0.0.1/32",
        "MODERATION_SHARED_CACHE_SECONDS": "0",
        "MODERATION_LOG_FORMAT": "json",
    }
    async with (
        served(environ | changed, "--workers", "2", listening=2) as process,
        nginx(tmp_path, http.replace(f"server unix:{tmp_path}/http;", f"server 127.0.0.1:{inner};"), port),
    ):
        yield House(url=url, process=process, folder=tmp_path)


async def press(http: ClientSession, page_url: str, page: str, decision: str) -> tuple[int, str, str]:
    """Press a button of a page that was shown, as its form says; status, address and text of the answer."""
    forms = {urljoin(page_url, unescape(action)): inside for action, inside in _FORM.findall(page)}
    [(target, inside)] = [(to, inside) for to, inside in forms.items() if to.endswith(f"/{decision}")]
    data = {name: unescape(value) for name, value in _HIDDEN.findall(inside)}
    answer = await http.post(target, data=data)
    return answer.status, target, await answer.text()


async def changes(http: ClientSession, base: str) -> list[tuple[str, str]]:
    feed: dict[str, Any] = await (await http.get(f"{base}/api/v1/changes", params={"site": "coop"})).json()
    return [(one["type"], one["comment_id"]) for one in feed["changes"]]


def mail_to(smtp: MailServer, address: str, body: str) -> Mail:
    """The one mail to somebody that tells of a comment."""
    [mail] = [one for one in smtp.to(address) if body in one.text()]
    return mail


def assert_all_below(base: str, page_url: str, page: str) -> None:
    """Every address of a page that leads to our host is below the public one."""
    addresses = [urljoin(page_url, unescape(found)) for found in LINKED.findall(page)]
    ours = [one for one in addresses if urlsplit(one).netloc == urlsplit(base).netloc]
    assert ours
    assert [one for one in ours if one != base and not one.startswith(f"{base}/")] == []


def assert_notified_in_their_languages(smtp: MailServer, base: str, body: str) -> None:
    """Both moderators were notified of a comment, each in their language, by links below the public address."""
    italian, english = mail_to(smtp, ANNA, body), mail_to(smtp, PAUL, body)
    assert "Approva" in italian.text()
    assert "Approve" not in italian.text().replace("/approve", "")
    assert "Approve" in english.text()
    for mail in (italian, english):
        assert ADDRESS not in mail.raw.decode()
        links = [one for one in mail.links() + html_links(mail) if "/moderate/" in one or "/desk" in one]
        assert len(links) >= 6
        assert [one for one in links if not one.startswith(f"{base}/")] == []


def assert_private(house: House, smtp: MailServer) -> None:
    """No client was answered the address, and no log line has it or a mailed token."""
    said = house.process.words + logs_in(house.folder)
    assert "/moderate/" in said
    assert b"davvero notevole" in house.heard
    for trace in (ADDRESS, quote(ADDRESS), ADDRESS.partition("@")[0]):
        assert trace.encode() not in house.heard
        assert trace not in said
    for mail in smtp.mails:
        for link in mail.links():
            if "/moderate/" in link:
                assert link.partition("/moderate/")[2].partition("/")[0] not in said


async def test_giulianas_comment_from_the_form_to_the_feed_and_back(
    house: House, smtp: MailServer, database: Database
) -> None:
    base = house.url
    async with house.client() as http:
        form = a_submission(redirect_to="/grazie")
        sent = await http.post(f"{base}{LIST}", data=form, allow_redirects=False)
        assert (sent.status, without_note(sent.headers["Location"])) == (303, "https://www.example.org/grazie")
        await smtp.wait_for(2)
        posted = await http.post(f"{base}{LIST}", json=a_submission(body="davvero notevole"))
        assert posted.status == 202
        comment_id = (await posted.json())["id"]
        assert urljoin(base, posted.headers["Location"]) == f"{base}{LIST}/{comment_id}"
        await smtp.wait_for(4)

        for body in ("interessante…", "davvero notevole"):
            assert_notified_in_their_languages(smtp, base, body)

        annas = mail_to(smtp, ANNA, "davvero notevole").link("/approve")
        pauls = mail_to(smtp, PAUL, "davvero notevole").link("/reject")
        before = await all_rows(database)
        head = await http.head(annas)
        assert (head.status, await head.read()) == (200, b"")
        shown = await follow(http, base, annas)
        assert "davvero notevole" in shown
        paul_saw = await follow(http, base, pauls)
        assert await all_rows(database) == before
        await house.until_both_list()
        assert await changes(http, base) == []

        status, at, decided = await press(http, annas, shown, "approve")
        assert (status, "Approvato" in decided) == (200, True)
        assert_all_below(base, at, decided)
        await house.until_both_list(comment_id)
        assert await changes(http, base) == [("published", comment_id)]
        listed = await follow(http, base, f"{base}/comments?page_url={quote(PAGE, safe='')}")
        assert "davvero notevole" in listed
        assert (await http.get(urljoin(base, posted.headers["Location"]))).status == 200

        status, at, conflict = await press(http, pauls, paul_saw, "reject")
        assert status == 409
        assert "<h1>Anna has already decided</h1>" in re.sub(r"<h1[^>]*>", "<h1>", conflict)
        assert re.search(r"Anna approved it at \d?\d:\d\d.[AP]M. Your decision was not applied.", conflict)
        assert_all_below(base, at, conflict)
        await house.until_both_list(comment_id)

        status, at, undone = await press(http, annas, decided, "undo")
        assert status == 200
        assert_all_below(base, at, undone)
        await house.until_both_list()
        assert await changes(http, base) == [("withdrawn", comment_id)]
        assert (await http.get(urljoin(base, posted.headers["Location"]))).status == 404
    assert_private(house, smtp)
