"""A website on an origin of its own, under as strict a policy as one can have that lets the widget in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path

from aiohttp import web

from tests.support.factories import SITES

_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
{head}
<link rel="icon" href="data:,">
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>"""


@dataclass(slots=True)
class Website:
    """What it shows at every path, and under which policy; `path` is where the pages of a test begin.

    Where a folder was `built`, its files are what it shows.
    """

    origin: str
    path: str = ""
    content: str = ""
    head: str = ""
    title: str = "Chi siamo"
    language: str = "it"
    policy: str = ""
    built: Path | None = None

    def begin_at(self, path: str) -> None:
        """Be as a new website is, with pages below another path."""
        for setting in fields(self)[1:]:
            setattr(self, setting.name, setting.default)
        self.path = path

    @property
    def url(self) -> str:
        """Where the pages begin."""
        return self.origin + self.path

    def element(self, service: str, *, trusted_types: bool = True, **attributes: str) -> None:
        """Put the widget in as an element, by the lines of docs/website.md; let only the service be asked."""
        self.content = (
            f"{an_element(**attributes)}"
            f'<script src="{service}/embed/comments.js?lang={self.language}" async></script>'
        )
        self.admit(service, trusted_types=trusted_types)

    def embed(self, service: str, *, trusted_types: bool = True, **data: str) -> None:
        """Put the widget in by the script alone; let scripts and requests go to the service only."""
        attributes = " ".join(f'data-{name.replace("_", "-")}="{escape(value)}"' for name, value in data.items())
        self.content = (
            f'<script src="{service}/embed/comments.js?lang={self.language}" {attributes} async></script>'
        )
        self.admit(service, trusted_types=trusted_types)

    def count(self, service: str, content: str, **data: str) -> None:
        """Show a page with the script of the counts, by the line of docs/website.md."""
        attributes = " ".join(f'data-{name}="{escape(value)}"' for name, value in data.items())
        self.content = f'{content}<script src="{service}/embed/counts.js" {attributes} async></script>'
        self.admit(service)

    def admit(self, service: str, *, trusted_types: bool = True) -> None:
        """Let scripts and requests go to a service, and to nobody else."""
        self.policy = (
            f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
            f"script-src {service}; connect-src {service}"
        )
        if trusted_types:
            self.policy += "; require-trusted-types-for 'script'; trusted-types 'none'"

    def sites(self) -> str:
        """The sites file, with this website as the first site's origin."""
        return SITES.replace("https://www.example.org", self.origin)


def an_element(**attributes: str) -> str:
    """Return the widget's element; attributes by keyword."""
    written = "".join(f' {name.replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())
    return f"<moderated-comments{written}></moderated-comments>"


@asynccontextmanager
async def website() -> AsyncIterator[Website]:
    """Serve a website until the end of the block."""

    async def show(request: web.Request) -> web.StreamResponse:
        if site.built:
            return web.FileResponse(site.built / (request.match_info["path"] or "index.html"))
        text = _PAGE.format(language=site.language, title=escape(site.title), head=site.head, content=site.content)
        headers = {"Content-Security-Policy": site.policy} if site.policy else {}
        return web.Response(text=text, content_type="text/html", headers=headers)

    app = web.Application()
    app.router.add_get("/{path:.*}", show)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site = Website(f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield site
    finally:
        await runner.cleanup()
