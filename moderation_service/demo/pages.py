"""What the demo shows, in the reader's language: the page of an invented association, and the mailbox."""

from dataclasses import asdict
from urllib.parse import urlsplit

import click
from aiohttp import web
from aiohttp.typedefs import Handler

from moderation_service.demo.mailbox import Arrived, Mailbox
from moderation_service.domain import pages
from moderation_service.domain.errors import NotFoundError
from moderation_service.locales import translations
from moderation_service.services import listing
from moderation_service.web import html
from moderation_service.web.context import CONTEXT
from moderation_service.web.endpoints import Credential, Endpoint
from moderation_service.web.middleware import language_of

_PACKAGES = ("moderation_service.demo",)
_FRAMED = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "base-uri 'none'; sandbox allow-top-navigation-by-user-activation",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_SCRIPTED = f"{html.policy()}; {html.WITH_A_SCRIPT}"
_FRAMING = "default-src 'none'; style-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"


class Pages:
    """The pages that exist in the demo only."""

    def __init__(self, public_url: str, mailbox: Mailbox | None) -> None:
        self._public_url = public_url
        self._mailbox = mailbox

    def endpoints(self) -> list[Endpoint]:
        """Return the rows to add to the route table."""
        found = [
            _row("/", self.start, "To the page"),
            _row("/demo", self.page, "The page"),
            _row("/demo/widget", self.widget, "Its widget"),
        ]
        if self._mailbox is not None:
            base = "/demo/mailbox"
            found += [
                _row(base, self.mails, "All mail"),
                _row(f"{base}/{{number:[0-9]+}}", self.mail, "A mail"),
                _row(f"{base}/{{number:[0-9]+}}/html", self.mail_html, "Its HTML"),
            ]
        return found

    def announce(self, url: str) -> None:
        """Say where to look."""
        click.echo(f"The page with the form:  {url}/demo")
        if self._mailbox is not None:
            click.echo(f"The moderators' mailbox: {url}/demo/mailbox")
        click.echo("Stop with Ctrl-C.")

    @web.middleware
    async def redirect_localhost(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Bring a browser from `localhost` to the one origin that the demo's site lists."""
        here = urlsplit(self._public_url)
        if request.method == "GET" and request.host == f"localhost:{here.port}":
            return web.Response(status=307, headers={"Location": f"{self._public_url}{request.path_qs}"})
        return await handler(request)

    async def start(self, _: web.Request) -> web.Response:
        """Send the visitor to the page."""
        return web.Response(status=303, headers={"Location": f"{self._public_url}/demo"})

    async def page(self, request: web.Request) -> web.Response:
        """Show the page, its approved comments and the form."""
        url = pages.canonical(f"{self._public_url}/demo")
        found = await listing.list_page(
            request.app[CONTEXT].database,
            pages.page("demo", url),
            after=None,
            limit=200,
            newest_first=False,
        )
        language = language_of(request)
        title = translations(language).gettext("About us")
        fields = {"page_url": url, "page_title": title, "redirect_to": f"{url}?sent=1#respond"}
        return html.page(
            request,
            "page.html",
            language,
            {
                "title": title,
                "comments": [asdict(one) for one in found.comments],
                "heading": _heading(found.count, language),
                "count": found.count,
                "fields": fields,
                "action": f"{self._public_url}/api/v1/comments",
                "was_sent": "sent" in request.query,
                "has_mailbox": self._mailbox is not None,
            },
            packages=_PACKAGES,
        )

    async def widget(self, request: web.Request) -> web.Response:
        """Show the same page with the widget in place of the plain form."""
        language = language_of(request)
        url = pages.canonical(f"{self._public_url}/demo")
        return html.page(
            request,
            "widget.html",
            language,
            {
                "title": translations(language).gettext("About us"),
                "page_url": url,
                "has_mailbox": self._mailbox is not None,
            },
            headers={"Content-Security-Policy": _SCRIPTED},
            packages=_PACKAGES,
        )

    async def mails(self, request: web.Request) -> web.Response:
        """List the mail that arrived."""
        return html.page(
            request, "mailbox.html", language_of(request), {"mails": list(self._mailbox or ())}, packages=_PACKAGES
        )

    async def mail(self, request: web.Request) -> web.Response:
        """Show a mail: headers, text and HTML."""
        return html.page(
            request,
            "mail.html",
            language_of(request),
            {"mail": self._mail(request)},
            headers={"Content-Security-Policy": _FRAMING},
            packages=_PACKAGES,
        )

    async def mail_html(self, request: web.Request) -> web.Response:
        """Return a mail's HTML part, for a frame; its links open in the window around it."""
        content = self._mail(request).html().replace("<head>", '<head><base target="_top">', 1)
        return web.Response(text=content, content_type="text/html", headers=_FRAMED)

    def _mail(self, request: web.Request) -> Arrived:
        found = self._mailbox.get(int(request.match_info["number"])) if self._mailbox else None
        if found is None:
            raise NotFoundError
        return found


def _row(path: str, handler: Handler, summary: str) -> Endpoint:
    return Endpoint(
        method="GET", path=path, handler=handler, credential=Credential.NONE, summary=summary, is_page=True
    )


def _heading(count: int, language: str) -> tuple[str, str]:
    """Return the heading over the replies in the words of this website, to stand before and behind the title."""
    text = translations(language).ngettext("One reply to %(page)s", "%(count)s replies to %(page)s", count)
    before, _, behind = (text % {"count": count, "page": "\0"}).partition("\0")
    return before, behind
