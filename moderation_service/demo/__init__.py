"""The whole story on one machine, without any setting: a page with a form, and a mailbox for its mail."""

import asyncio
import secrets
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import click

from moderation_service import config
from moderation_service.demo.mailbox import Mailbox
from moderation_service.demo.website import Pages
from moderation_service.runtime import container, serving

_FOLDER = Path("var")
_HOST = "127.0.0.1"
_PORTS = range(8080, 8130)
_SITES = """\
# Made anew at each start of the demo.
[[site]]
id = "demo"
name = "Associazione Il Melograno"
origins = ["{origin}"]
language = "it"
timezone = "Europe/Rome"
api_keys = ["sha256:c48a01f49fd0f2cc404bc3cbbc80e91457a3d41bb429a695243de4c61794155c"]  # the SHA-256 of: demo-key

[[site.moderator]]
id = "anna"
name = "Anna"
email = "anna@example.org"

[[site.moderator]]
id = "paolo"
name = "Paolo"
email = "paolo@example.org"
language = "en"
"""


async def run(environ: Mapping[str, str]) -> None:
    """Serve the demo until SIGINT or SIGTERM. A setting in the environment wins over what is made up here."""
    async with AsyncExitStack() as stack:
        mailbox = None
        if not _is_set("SMTP_URL", environ):
            mailbox = await stack.enter_async_context(Mailbox.open())
        settings = config.read(_completed(environ, mailbox))
        stop, sites_changed = asyncio.Event(), asyncio.Event()
        serving.on_signals(stop, sites_changed)
        opened = await stack.enter_async_context(container.opened(settings, sites_changed=sites_changed))
        pages = Pages(settings.public_url, mailbox)
        await serving.serve(
            opened, stop=stop, on_ready=pages.announce, more=pages.endpoints(), before=[pages.redirect_localhost]
        )


def _completed(environ: Mapping[str, str], mailbox: Mailbox | None) -> dict[str, str]:
    """Return the environment with what it leaves open made up."""
    _FOLDER.mkdir(exist_ok=True)
    listen = environ.get(f"{config.PREFIX}LISTEN") or f"{_HOST}:{_free_port()}"
    public_url = environ.get(f"{config.PREFIX}PUBLIC_URL") or f"http://{listen}"
    made_up = {
        "LISTEN": listen,
        "PUBLIC_URL": public_url,
        "DATABASE_URL": f"sqlite:///{_FOLDER}/demo.db",
        "MAIL_FROM": "commenti@example.org",
        "MAIL_INTERVAL": "5",
    }
    if mailbox is not None:
        made_up["SMTP_URL"] = mailbox.url
    if not _is_set("SECRET_KEYS", environ):
        made_up["SECRET_KEYS"] = _secret()
    if not _is_set("SITES", environ):
        made_up["SITES"] = str(_sites_file(public_url))
    missing = {f"{config.PREFIX}{name}": value for name, value in made_up.items() if not _is_set(name, environ)}
    return {**environ, **missing}


def _is_set(name: str, environ: Mapping[str, str]) -> bool:
    return any(f"{config.PREFIX}{name}{suffix}" in environ for suffix in ("", "_FILE"))


def _secret() -> str:
    """Return the key of earlier starts, so that their links and addresses still open."""
    file = _FOLDER / "demo.key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(48))
    return file.read_text()


def _sites_file(origin: str) -> Path:
    file = _FOLDER / "demo-sites.toml"
    file.write_text(_SITES.format(origin=origin), encoding="utf-8")
    return file


def _free_port() -> int:
    for port in _PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
        if port != _PORTS[0]:
            click.echo(f"Port {_PORTS[0]} is taken; using {port}.")
        return port
    raise OSError(
        f"No port from {_PORTS[0]} to {_PORTS[-1]} is free; choose one with MODERATION_LISTEN=127.0.0.1:…"
    )
