"""What stands behind the links of mails to authors: an address is confirmed, or notices end, by a button."""

from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import web

from moderation_service.domain.comments import markup
from moderation_service.domain.comments.notices import AuthorMail
from moderation_service.services.notifications.subscriptions import Subscription
from moderation_service.web.authentication import FORM_TOKEN_FIELD, OWN, SITE, SUBSCRIPTION
from moderation_service.web.context import CONTEXT
from moderation_service.web.http import language, requests, templates
from moderation_service.web.http.validation import load
from moderation_service.web.public import receipt_page
from schemas.subscriptions import OwnMailsForm

PATH = "/subscriptions/{token}"

_TOKEN = "author_token"  # noqa: S105 - a name in an address
_THIS_COMMENT, _ALL = "comment", "all"
_OWN_MAILS = OwnMailsForm()


async def show(request: web.Request) -> web.Response:
    """Show what the link does, and the button that does it; mail scanners come here too."""
    return _page(request, request[SUBSCRIPTION])


async def act(request: web.Request) -> web.Response:
    """Confirm the address, if the button of our page was pressed; or end notices, whoever asks for it."""
    found = request[SUBSCRIPTION]
    subscriptions = request.app[CONTEXT].subscriptions
    fields = await requests.form_of(request) if requests.is_form(request) else {}
    if not found.link.confirms:
        everything = fields.get("notices") != _THIS_COMMENT
        await subscriptions.end(found, everything=everything)
        return _page(request, found, is_done=True, ended_all=everything)
    if not subscriptions.is_form_token(request.match_info["token"], fields.get(FORM_TOKEN_FIELD, "")):
        return _page(request, found, status=HTTPStatus.CONFLICT)
    if found.link.of_report:
        await subscriptions.confirm_report(found)
        return _page(request, found, is_done=True)
    author_token = await subscriptions.confirm(found)
    return _page(request, await subscriptions.find(request.match_info["token"]), is_done=True, token=author_token)


async def end_by_receipt(request: web.Request) -> web.Response:
    """End mail about a comment, if a button of its receipt's page was pressed that showed it as it stands."""
    context, own = request.app[CONTEXT], request[OWN]
    sent = load(_OWN_MAILS, await requests.form_of(request))
    if not context.receipts.is_form_token(request.match_info["token"], own, sent[FORM_TOKEN_FIELD]):
        return await receipt_page.page(request, own, status=HTTPStatus.CONFLICT)
    ended = sent["end"]
    mail = None if ended in (_THIS_COMMENT, _ALL) else AuthorMail(ended)
    await context.subscriptions.end_by_receipt(own, request[SITE], mail, everything=ended == _ALL)
    return await receipt_page.page(request, own, ended=ended)


def _page(
    request: web.Request,
    found: Subscription,
    *,
    is_done: bool = False,
    ended_all: bool = False,
    token: str | None = None,
    status: int = HTTPStatus.OK,
) -> web.Response:
    link = request.match_info["token"]
    return templates.page(
        request,
        "subscription.html",
        language.of(request),
        {
            "site": found.site,
            "comment": found.comment,
            "text": markup.with_links_as_text(found.comment.body_html),
            "notices": found.notices,
            "confirms": found.link.confirms,
            "of_report": found.link.of_report,
            "is_done": is_done,
            "ended_all": ended_all,
            "token": link,
            "receipt": request.app[CONTEXT].receipts.mailed(found.comment.id) if token is not None else None,
            "form_token": request.app[CONTEXT].subscriptions.form_token(link),
            "has_changed": status == HTTPStatus.CONFLICT,
            "page_url": found.comment.page_url if token is None else _with_token(found.comment.page_url, token),
        },
        status=status,
    )


def _with_token(page_url: str, token: str) -> str:
    """Return a page's address with what its widget keeps on this device: in the fragment, which no server sees."""
    parts = urlsplit(page_url)
    before = f"{parts.fragment}&" if parts.fragment else ""
    return parts._replace(fragment=f"{before}{_TOKEN}={token}").geturl()
