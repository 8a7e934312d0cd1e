"""A moderator at the desk, as a browser without scripts: a cookie jar, a form token, and what is mailed."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import ClientResponse, ClientSession, DummyCookieJar

from moderation_service.domain.keys import KeyRing
from tests.support.contract import client_of
from tests.support.factories import SECRET, a_submission, bearer
from tests.support.running import Running, until
from tests.support.smtp import MailServer

_KEYS = KeyRing((SECRET,))
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
_SHOWN = re.compile(r'name="comment\.([^"]+)" value="([^"]+)"')


@dataclass(slots=True)
class Browser:
    """What one person's browser keeps."""

    http: ClientSession
    cookie: str = ""
    token: str = ""

    async def get(self, path: str, **options: object) -> ClientResponse:
        return await self.http.get(path, headers=self._headers(), allow_redirects=False, **options)  # type: ignore[arg-type]

    async def post(self, path: str, data: dict[str, str] | None = None, **headers: str) -> ClientResponse:
        return await self.http.post(
            path,
            data={"form_token": _form_token(path) or self.token} | (data or {}),
            headers=self._headers() | {name.replace("_", "-"): value for name, value in headers.items()},
            allow_redirects=False,
        )

    async def shown(self, path: str = "/desk") -> dict[str, str]:
        """The comments of a page by id, each with the state and revision that its form carries."""
        text = await (await self.get(path)).text()
        self.token = _TOKEN.findall(text)[0]
        return dict(_SHOWN.findall(text))

    def keep(self, response: ClientResponse) -> None:
        [cookie] = response.cookies.values()
        self.cookie = f"{cookie.key}={cookie.value}"

    def _headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie} if self.cookie else {}


def _form_token(path: str) -> str | None:
    """What the form behind a log-in link carries, None at every other address."""
    before, _, token = path.partition("?")[0].partition("/desk/login/")
    return None if before or not token else _KEYS.keyed_hash("log-in form", token)


async def mailed_login(http: ClientSession, smtp: MailServer, address: str) -> str:
    """Ask for a log-in and return the path of the link that was mailed."""
    before = len(logins_to(smtp, address))
    answer = await http.post("/desk/login", data={"email": address})
    assert answer.status == 200
    await until(lambda: len(logins_to(smtp, address)) > before)
    [link] = set(logins_to(smtp, address)[-1])
    return urlsplit(link).path


def logins_to(smtp: MailServer, address: str) -> list[list[str]]:
    """The links of every log-in mail to an address."""
    return [mail.links() for mail in smtp.to(address) if "/desk/login/" in mail.text()]


async def logged_in(http: ClientSession, smtp: MailServer, address: str = "anna@example.org") -> Browser:
    """A browser at the desk."""
    browser = Browser(http)
    answer = await browser.post(await mailed_login(http, smtp, address))
    assert answer.status == 303
    assert answer.headers["Location"] == "/desk"
    browser.keep(answer)
    await browser.shown()
    return browser


async def a_comment(http: ClientSession, **changed: str) -> str:
    """Post a comment and return its id."""
    answer = await http.post("/api/v1/comments", json=a_submission(**changed))
    assert answer.status == 202, await answer.text()
    return str((await answer.json())["id"])


def text_of(html: str) -> str:
    """What a reader sees of a page, roughly."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


@asynccontextmanager
async def cookieless(url: str) -> AsyncIterator[ClientSession]:
    """A client that keeps no cookie by itself."""
    async with client_of(url, cookie_jar=DummyCookieJar()) as session:
        yield session


async def status_of(http: ClientSession, comment_id: str, site_key: str | None = None) -> str:
    headers = bearer(site_key) if site_key else bearer()
    queue = await (await http.get("/api/v1/moderation/comments", headers=headers)).json()
    [status] = [one["status"] for one in queue["comments"] if one["id"] == comment_id]
    return str(status)


async def replace_sites(service: Running, tmp_path: Path, text: str, *, name: str = "sites.toml") -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    before = service.container.directory.sites
    service.container.sites_changed.set()
    await until(lambda: service.container.directory.sites is not before)
