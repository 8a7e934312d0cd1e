"""What the demo shows, in the reader's language: an invented association's website, and the mailbox.

Its pages show the same comments in each way that a website can choose.
"""

from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import click
from aiohttp import web
from aiohttp.typedefs import Handler
from markupsafe import Markup

from moderation_service.demo.mailbox import Arrived, Mailbox
from moderation_service.domain.accounts.sites import FormFields
from moderation_service.domain.comments import pages
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.errors import NotFoundError
from moderation_service.locales import translations
from moderation_service.web.context import CONTEXT, Context
from moderation_service.web.endpoint import Credential, Endpoint
from moderation_service.web.http import language, templates
from moderation_service.web.public import fragment as public_fragment
from moderation_service.web.public import wordpress as public_wordpress
from schemas.comments import FragmentQuery

_PACKAGES = ("moderation_service.demo",)
_MOST = 200
_ACTIONS = {"page.html": "/api/v1/comments", "wordpress.html": public_wordpress.PATH}
"""Where the forms of templates lead."""
_FRAMED = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "base-uri 'none'; sandbox allow-top-navigation-by-user-activation",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_SCRIPTED = f"{templates.policy()}; {templates.WITH_A_SCRIPT}"
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
            _row("/demo", self.page, "The page with a plain form"),
            _row("/demo/fragment", self.fragment, "The page with the comments as HTML of the service"),
            _row("/demo/widget", self.widget, "The page with the widget"),
            _row("/demo/frame", self.frame, "The page with a frame"),
            _row("/demo/wordpress", self.wordpress, "The page with the form of a WordPress theme"),
            _row("/demo/pages", self.index, "All pages, with the counts of their comments"),
            _row("/demo/garden", self.garden, "Another page"),
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
        """Show the page, its approved comments in the website's own words, and a plain form."""
        return await self._with_form(request, "page.html", "/demo")

    async def fragment(self, request: web.Request) -> web.Response:
        """Show the page with the service's HTML of the comments in it, put there before anybody reads it."""
        context = request.app[CONTEXT]
        page = self._page(context)
        site = context.directory.sites.get(page.site_id)
        assert site is not None  # noqa: S101 - the demo's own site is listed
        asked = FragmentQuery().load({"page_url": page.url, "lang": language.of(request)})
        piece = (await public_fragment.make(context, site, page, asked)).plain.body.decode()
        return await self._with_form(request, "page.html", "/demo/fragment", fragment=Markup(piece))  # noqa: S704

    async def wordpress(self, request: web.Request) -> web.Response:
        """Show the page with the form of a WordPress theme, as a static copy of such a site keeps it."""
        return await self._with_form(request, "wordpress.html", "/demo/wordpress")

    async def widget(self, request: web.Request) -> web.Response:
        """Show the page with the widget: two lines of HTML."""
        return self._shown(request, "widget.html", "/demo/widget", {}, policy=_SCRIPTED)

    async def frame(self, request: web.Request) -> web.Response:
        """Show the page with the service's page of comments in a frame."""
        return self._shown(request, "frame.html", "/demo/frame", {}, policy=_FRAMING)

    async def index(self, request: web.Request) -> web.Response:
        """List the pages of the website, each with how many comments it has."""
        values = {"title": translations(language.of(request)).gettext("Our pages")}
        return self._shown(request, "index.html", "/demo/pages", values, policy=_SCRIPTED)

    async def garden(self, request: web.Request) -> web.Response:
        """Show another page, with comments of its own."""
        title = translations(language.of(request)).gettext("The garden")
        values = {"title": title, "page_title": title, "page_url": self._url("/demo/garden")}
        return self._shown(request, "garden.html", "/demo/garden", values, policy=_SCRIPTED)

    async def _with_form(self, request: web.Request, template: str, here: str, **values: Any) -> web.Response:
        """Show the page with its approved comments and a form that needs no script."""
        context = request.app[CONTEXT]
        found = await context.listings.of_page(self._page(context), after=None, limit=_MOST, newest_first=False)
        spoken = language.of(request)
        redirect_to = f"{self._url(here)}?sent=1#respond"
        known = {
            "comments": [asdict(one) for one in found.comments],
            "heading": _heading(found.count, spoken),
            "is_closed": found.closing.is_closed,
            "fragment": "",
            "fields": {
                "page_url": self._url("/demo"),
                "page_title": translations(spoken).gettext("About us"),
                "redirect_to": redirect_to,
            },
            "redirect_to": redirect_to,
            "asked": FormFields(),
            "action": f"{self._public_url}{_ACTIONS[template]}",
            "was_sent": "sent" in request.query,
        }
        return self._shown(request, template, here, known | values)

    def _shown(
        self, request: web.Request, template: str, here: str, values: dict[str, Any], *, policy: str | None = None
    ) -> web.Response:
        """Show a page of the website, with the ways to the others."""
        spoken = language.of(request)
        title = translations(spoken).gettext("About us")
        known = {
            "title": title,
            "page_title": title,
            "page_url": self._url("/demo"),
            "here": here,
            "ways": _ways(spoken),
            "has_mailbox": self._mailbox is not None,
        }
        headers = None if policy is None else {"Content-Security-Policy": policy}
        return templates.page(request, template, spoken, known | values, headers=headers, packages=_PACKAGES)

    def _page(self, context: Context) -> Page:
        """Return the page whose comments most pages of the website show."""
        return context.directory.page_of(self._url("/demo"))

    def _url(self, path: str) -> str:
        return pages.canonical(f"{self._public_url}{path}")

    async def mails(self, request: web.Request) -> web.Response:
        """List the mail that arrived."""
        return templates.page(
            request, "mailbox.html", language.of(request), {"mails": list(self._mailbox or ())}, packages=_PACKAGES
        )

    async def mail(self, request: web.Request) -> web.Response:
        """Show a mail: headers, text and HTML."""
        return templates.page(
            request,
            "mail.html",
            language.of(request),
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


def _ways(spoken: str) -> list[tuple[str, str]]:
    """Return the addresses of the ways to show comments, each with its name."""
    gettext = translations(spoken).gettext
    return [
        ("/demo", gettext("Plain form")),
        ("/demo/fragment", gettext("HTML in the page")),
        ("/demo/widget", "Widget"),
        ("/demo/frame", gettext("Frame")),
        ("/demo/wordpress", gettext("WordPress form")),
        ("/demo/pages", gettext("Counts")),
    ]


def _heading(count: int, spoken: str) -> tuple[str, str]:
    """Return the heading over the replies in the words of this website, to stand before and behind the title."""
    text = translations(spoken).ngettext("One reply to %(page)s", "%(count)s replies to %(page)s", count)
    before, _, behind = (text % {"count": count, "page": "\0"}).partition("\0")
    return before, behind
