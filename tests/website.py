"""A website on an origin of its own, under as strict a policy as one can have that lets the widget in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import escape

from aiohttp import web

from tests.factories import SITES

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
    """What it shows at every path, and under which policy."""

    url: str
    content: str = ""
    head: str = ""
    title: str = "Chi siamo"
    language: str = "it"
    policy: str = ""

    def embed(self, service: str, *, trusted_types: bool = True, **data: str) -> None:
        """Put the widget in, by the line of README; let scripts and requests go to the service only."""
        attributes = " ".join(f'data-{name.replace("_", "-")}="{escape(value)}"' for name, value in data.items())
        self.content = (
            f'<script src="{service}/embed/comments.js?lang={self.language}" {attributes} async></script>'
        )
        self.policy = (
            f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
            f"script-src {service}; connect-src {service}"
        )
        if trusted_types:
            self.policy += "; require-trusted-types-for 'script'; trusted-types 'none'"

    def sites(self) -> str:
        """The sites file, with this website as the first site's origin."""
        return SITES.replace("https://www.example.org", self.url)


@asynccontextmanager
async def website() -> AsyncIterator[Website]:
    """Serve a website until the end of the block."""

    async def show(_: web.Request) -> web.Response:
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
