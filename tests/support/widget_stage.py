"""What tests of the widget share: a service, and websites of which one is of no site."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession

from moderation_service import config
from tests.support.contract import client_of
from tests.support.factories import API_KEY, environ_of
from tests.support.processes import free_port
from tests.support.running import Running, running
from tests.support.smtp import mail_server
from tests.support.website import Website, website

_ASKS = """fields = {author_email = "hidden", author_url = "required"}
rules_url = "https://www.example.org/regole"
"""
_ROUTES = """[site.pages]
fragment_routes = true
"""
_OTHER_SITE = """
[[site]]
id = "{name}"
name = "{name}"
origins = ["{origin}"]
language = "it"
api_keys = ["sha256:{key}"]
{rules}
[[site.moderator]]
id = "anna-{name}"
name = "Anna"
email = "anna@example.org"
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """What all tests share. Of the websites the last is of no site."""

    service: Running
    http: ClientSession
    site: Website
    asking: Website
    routed: Website
    stranger: Website


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Run a service on `test.db` of a folder for three websites: one asks for other fields, one has routes."""
    async with AsyncExitStack() as stack:
        websites = [await stack.enter_async_context(website()) for _ in range(4)]
        site, asking, routed, _ = websites
        text = site.sites()
        for name, other, rules in (("asking", asking, _ASKS), ("routed", routed, _ROUTES)):
            key = hashlib.sha256(f"{API_KEY}-{name}".encode()).hexdigest()
            text += _OTHER_SITE.format(name=name, origin=other.origin, key=key, rules=rules)
        (folder / "sites.toml").write_text(text, encoding="utf-8")
        smtp = await stack.enter_async_context(mail_server())
        port = free_port()
        environ = environ_of(f"sqlite:///{folder}/test.db", smtp.url, folder / "sites.toml") | {
            "MODERATION_LISTEN": f"127.0.0.1:{port}",
            "MODERATION_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "MODERATION_SCREENING": "off",
        }
        service = await stack.enter_async_context(running(config.read(environ)))
        http = await stack.enter_async_context(client_of(service.url))
        yield Stage(service, http, *websites)
