"""What authors ask for about all that is kept of their address: asked by a receipt, done behind a mailed link."""

from http import HTTPStatus

from aiohttp import web

from moderation_service.domain.accounts import addresses
from moderation_service.domain.comments.personal_data import Wish
from moderation_service.web.authentication import ASKED, FORM_TOKEN_FIELD, OWN, SITE
from moderation_service.web.context import CONTEXT
from moderation_service.web.http import language, requests, templates
from moderation_service.web.http.responses import unstored_json
from moderation_service.web.http.validation import load
from moderation_service.web.public import receipt_page, submission
from schemas.personal_data import WishForm, WishRequest

PATH = "/personal-data/{token}"

_FORM, _JSON = WishForm(), WishRequest()


async def ask_by_form(request: web.Request) -> web.Response:
    """Let a link be mailed, if the button of the receipt's page was pressed."""
    context, own = request.app[CONTEXT], request[OWN]
    client = context.clients.of(request)
    await context.submissions.await_turn(client)
    sent = load(_FORM, await requests.form_of(request))
    if not context.receipts.is_form_token(request.match_info["token"], own, sent[FORM_TOKEN_FIELD]):
        return await receipt_page.page(request, own, status=HTTPStatus.CONFLICT)
    await context.personal_data.ask(own, request[SITE], Wish(sent["wish"]), client=client)
    return await receipt_page.page(request, own, link_was_asked=True)


async def ask(request: web.Request) -> web.Response:
    """Let a link be mailed; the answer is the same whether there is an address or none."""
    context = request.app[CONTEXT]
    client = context.clients.of(request)
    await context.submissions.await_turn(client)
    wish = Wish(load(_JSON, await requests.json_of(request))["wish"])
    site = submission.admitted(request, request[SITE])
    await context.personal_data.ask(request[OWN], site, wish, client=client)
    return unstored_json({"wish": wish}, status=HTTPStatus.ACCEPTED)


async def show(request: web.Request) -> web.Response:
    """Show what the link is for, and the button that does it; mail scanners come here too."""
    return _page(request)


async def act(request: web.Request) -> web.Response:
    """Hand the file over or erase, if the button of our page was pressed."""
    personal_data, asked = request.app[CONTEXT].personal_data, request[ASKED]
    fields = await requests.form_of(request)
    if not personal_data.is_form_token(request.match_info["token"], fields.get(FORM_TOKEN_FIELD, "")):
        return _page(request, status=HTTPStatus.CONFLICT)
    if asked.link.wish is Wish.ERASE:
        return _page(request, erased=await personal_data.erase(asked))
    answer = unstored_json(await personal_data.export(asked))
    answer.headers["Content-Disposition"] = f'attachment; filename="comments-{asked.site.id}.json"'
    return answer


def _page(request: web.Request, *, erased: int | None = None, status: int = HTTPStatus.OK) -> web.Response:
    asked, token = request[ASKED], request.match_info["token"]
    return templates.page(
        request,
        "personal_data.html",
        language.of(request),
        {
            "site": asked.site,
            "address": addresses.mask(asked.address),
            "erases": asked.link.wish is Wish.ERASE,
            "erased": erased,
            "token": token,
            "form_token": request.app[CONTEXT].personal_data.form_token(token),
            "has_changed": status == HTTPStatus.CONFLICT,
        },
        status=status,
    )
