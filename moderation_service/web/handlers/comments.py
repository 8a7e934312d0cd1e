"""The routes of websites that post in JSON, and of readers."""

from aiohttp import web

from moderation_service.domain.comments import Receipt
from moderation_service.domain.errors import NotFoundError, UnknownSiteError
from moderation_service.locales import translations
from moderation_service.services import changes as following
from moderation_service.services import listing
from moderation_service.web import reading, submitting
from moderation_service.web.answers import send, to_json
from moderation_service.web.bounded import fitting
from moderation_service.web.context import CONTEXT
from moderation_service.web.handlers import comment_form
from moderation_service.web.middleware import language_of
from moderation_service.web.page_cache import Answer
from schemas.base import is_id
from schemas.changes import ChangeQuery
from schemas.comments import Submission, WarningCode

_SUBMISSION, _CHANGES = Submission(), ChangeQuery()
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type, Idempotency-Key",
    "Access-Control-Max-Age": "600",
}


async def create(request: web.Request) -> web.Response:
    """Keep a comment and promise it to the moderators; answer when both are on disk."""
    if reading.is_form(request):
        return await comment_form.create(request)
    receipt = await submitting.submit(request, await submitting.fields_of(request), _SUBMISSION)
    root = request.app[CONTEXT].settings.root
    answer = {
        "id": receipt.id,
        "status": "pending",
        "page_url": receipt.page_url,
        "created_at": receipt.created_at,
    }
    return web.Response(
        status=202,
        body=to_json(answer | _warnings(receipt, language_of(request))),
        content_type="application/json",
        headers={"Location": f"{root}/api/v1/comments/{receipt.id}", "Cache-Control": "no-store"},
    )


def _warnings(receipt: Receipt, language: str) -> dict[str, list[dict[str, str]]]:
    """Return what the author should know about an accepted comment, if there is something."""
    if not receipt.is_simplified:
        return {}
    gettext = translations(language).gettext
    message = gettext("Your comment holds so much formatting that it is shown exactly as you typed it.")
    return {"warnings": [{"code": WarningCode.SHOWN_AS_TYPED, "message": message}]}


async def preflight(_: web.Request) -> web.Response:
    """Tell a browser which headers a script may send along."""
    return web.Response(status=204, headers=_PREFLIGHT)


async def index(request: web.Request) -> web.Response:
    """List a page's approved comments."""
    lists = request.app[CONTEXT].lists
    return send(request, await lists.answer(lists.read(request.raw_path, request.query)))


async def show(request: web.Request) -> web.Response:
    """Return one approved comment."""
    comment_id = request.match_info["comment_id"]
    if not is_id(comment_id):
        raise NotFoundError
    context = request.app[CONTEXT]
    body = to_json(await listing.get(context.database, comment_id))
    answer = Answer(body, {"Cache-Control": context.settings.cache_control, "Vary": "Accept-Encoding"})
    await answer.compress()
    return send(request, answer)


async def changes(request: web.Request) -> web.Response:
    """Return what a site's readers saw change after a number."""
    asked = reading.query(request, _CHANGES)
    context = request.app[CONTEXT]
    if context.directory.sites.get(asked["site"]) is None:
        raise UnknownSiteError
    feed = await following.read(
        context.database,
        asked["site"],
        after=asked["after"],
        epoch=asked["epoch"],
        limit=asked["limit"],
        fitting=fitting,
    )
    return web.Response(
        body=to_json(feed),
        content_type="application/json",
        headers={"Cache-Control": "no-cache"},
    )
