"""The service behind a real nginx, configured as docs/deployment has it: on its own host, and below a path."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from aiohttp import ClientSession

from tests.support.deployment import LIST, below_a_path, documented, follow, logs_in
from tests.support.event_stream import connected
from tests.support.factories import PAGE, a_submission, bearer
from tests.support.mailed import ANNA, pressed
from tests.support.nginx import nginx
from tests.support.posting import published, status_of, without_note
from tests.support.processes import free_port
from tests.support.running import Running
from tests.support.smtp import MailServer

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@dataclass(frozen=True, kw_only=True)
class Proxied:
    """A service behind nginx, and its public URL."""

    url: str
    running: Running
    folder: Path


Proxy = Callable[..., Awaitable[Proxied]]


async def test_the_documented_host_hides_tokens_and_metrics_and_names_clients_itself(
    start: Callable[..., Awaitable[Running]], tmp_path: Path, smtp: MailServer
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    await start(listen=f"unix:{tmp_path}/http", public_url=url, metrics_from="0.0.0.0/0,::/0")
    async with nginx(tmp_path, documented("nginx.conf", tmp_path, port), port), ClientSession(url) as http:
        assert (await http.get("/metrics")).status == 404
        assert await (await http.get("/health/ready")).json() == {"status": "ready"}
        claims = [{"X-Forwarded-For": f"192.0.{number}.1", "Forwarded": "for=1.1.1.1"} for number in range(21)]
        statuses = [await status_of(http, claimed, body=f"da {claimed}") for claimed in claims]
        assert statuses == [202] * 20 + [429]
        [mail] = (await smtp.wait_for(1))[:1]
        approve = next(link for link in mail.links() if link.endswith("/approve"))
        assert (await http.get(approve)).status == 200
        listed = await http.get(LIST, params={"page_url": PAGE})
        known = {"If-None-Match": listed.headers["ETag"]}
        assert (await http.get(LIST, params={"page_url": PAGE}, headers=known)).status == 304
        waiting = await http.get("/api/v1/moderation/comments", headers=bearer())
        assert (await waiting.json())["comments"]
    token = urlsplit(approve).path.split("/")[2]
    written = logs_in(tmp_path)
    assert "GET /moderate/* 200" in written
    assert token not in written
    assert "page_url" not in written


async def test_a_stream_comes_through_as_it_is_sent_and_ends_with_the_service(
    start: Callable[..., Awaitable[Running]], tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    service = await start(listen=f"unix:{tmp_path}/http", public_url=url)
    async with (
        nginx(tmp_path, documented("nginx.conf", tmp_path, port), port),
        ClientSession(url) as http,
        connected(http) as source,
    ):
        await source.started()
        for number in range(3):
            shown = await published(http, body=f"Commento {number}")
            [event] = await source.take(1)
            assert event.data["comment_id"] == shown
        assert "X-Accel-Buffering" not in source.answer.headers, "nginx took it for itself"
        service.stop.set()
        assert await source.ended() == []
        assert (source.retry, source.answer.status) == (3_000, 200)


@pytest.fixture(params=["passed on", "stripped"])
async def proxied(
    request: pytest.FixtureRequest, start: Callable[..., Awaitable[Running]], tmp_path: Path
) -> AsyncIterator[Proxied]:
    """A service below /talk of a website's host, whose proxy passes the path on or strips it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/talk"
    running = await start(listen=f"unix:{tmp_path}/http", public_url=url)
    http = below_a_path(tmp_path, port, path="/talk", is_stripped=request.param == "stripped")
    async with nginx(tmp_path, http, port):
        yield Proxied(url=url, running=running, folder=tmp_path)


async def test_below_a_path_every_address_that_is_given_out_has_it(proxied: Proxied, smtp: MailServer) -> None:
    base = proxied.url
    async with ClientSession() as http:
        posted = await http.post(f"{base}{LIST}", json=a_submission())
        assert posted.status == 202
        comment = urljoin(base, posted.headers["Location"])
        assert comment == f"{base}{LIST}/{(await posted.json())['id']}"
        await smtp.wait_for(2)
        [mail] = smtp.to(ANNA)
        assert all(link.startswith(f"{base}/") for link in mail.links() if "127.0.0.1" in link)
        approve = mail.link("/approve")
        shown = await follow(http, base, approve)
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', shown))
        assert (await http.post(approve, data=pressed(approve) | fields)).status == 200
        assert (await http.get(comment)).status == 200
        for _ in range(2):  # the second is answered from memory
            listed = await http.get(f"{base}{LIST}", params={"page_url": PAGE})
            assert (await listed.json())["count"] == 1
        await follow(http, base, f"{base}/comments?page_url={PAGE}")

        form = a_submission(body="con un modulo", redirect_to="/grazie")
        sent = await http.post(f"{base}{LIST}", data=form, allow_redirects=False)
        assert (sent.status, without_note(sent.headers["Location"])) == (303, "https://www.example.org/grazie")

        [server] = (await (await http.get(f"{base}/openapi.json")).json())["servers"]
        assert server["url"] == base
        script = await http.get(f"{base}/embed/comments.js?lang=it")
        assert (script.status, script.content_type) == (200, "text/javascript")
        assert (await http.get(f"{base}/metrics")).status == 404
        assert (await http.get(f"{base}/nowhere")).status == 404


async def test_below_a_path_the_desk_opens_and_its_cookie_stays_there(proxied: Proxied, smtp: MailServer) -> None:
    base = proxied.url
    async with ClientSession() as http:
        await follow(http, base, f"{base}/desk")
        assert (await http.post(f"{base}/desk/login", data={"email": ANNA})).status == 200
        [mail] = await smtp.wait_for(1)
        [link] = {one for one in mail.links() if "/desk/login/" in one}
        assert link.startswith(f"{base}/desk/login/")
        shown = await follow(http, base, link)
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', shown))
        opened = await http.post(link, data=fields, allow_redirects=False)
        assert opened.status == 303
        assert urljoin(link, opened.headers["Location"]) == f"{base}/desk"
        [cookie] = opened.cookies.values()
        assert cookie["path"] == "/talk/desk"
        http.cookie_jar.update_cookies({cookie.key: cookie.value})
        assert "Anna" in await follow(http, base, f"{base}/desk")


async def test_below_a_path_that_is_a_route_too_the_proxy_passes_it_on(
    start: Callable[..., Awaitable[Running]], tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/comments"
    await start(listen=f"unix:{tmp_path}/http", public_url=url)
    http_block = below_a_path(tmp_path, port, path="/comments", is_stripped=False)
    async with nginx(tmp_path, http_block, port), ClientSession() as http:
        await follow(http, url, f"{url}/comments?page_url={PAGE}")
        assert (await http.get(f"{url}{LIST}", params={"page_url": PAGE})).status == 200
