"""The page whose comments the desk shows: its title, and whether it takes more comments."""

from aiohttp import web

from moderation_service.domain.comments.closing import Commenting
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError
from moderation_service.domain.moderation.decisions import Actor, Channel
from moderation_service.web.authentication import FIELDS, SESSION
from moderation_service.web.context import CONTEXT
from moderation_service.web.desk import frame, queue
from moderation_service.web.http.validation import load
from schemas.desk import CommentingForm, TitleForm

_TITLE, _COMMENTING = TitleForm(), CommentingForm()


async def put_title(request: web.Request) -> web.Response:
    """Set the title, or with `reset` leave it to the comments again."""
    page, actor = _page(request)
    fields = request[FIELDS]
    form = load(_TITLE, {"page_title": "" if "reset" in fields else fields.get("page_title", "")})
    await request.app[CONTEXT].moderated_pages.put_title(page, form["page_title"], actor=actor)
    return frame.to_desk(request, queue.kept(queue.query_of(request)))


async def put_commenting(request: web.Request) -> web.Response:
    """Close or open the page, or leave it to the site's rule."""
    page, actor = _page(request)
    form = load(_COMMENTING, {"commenting": request[FIELDS].get("commenting", "")})
    wanted = Commenting(form["commenting"])
    await request.app[CONTEXT].moderated_pages.put_commenting(page, wanted, actor=actor)
    return frame.to_desk(request, queue.kept(queue.query_of(request)))


def _page(request: web.Request) -> tuple[Page, Actor]:
    """Return the page that the address names, and who changes it; raise NotFoundError for one of somebody else."""
    asked = queue.query_of(request)
    if asked["page_url"] is None:
        raise FieldsInvalidError({"page_url": ["required"]})
    found = queue.page_at_desk(request, request[SESSION], asked["page_url"])
    if found is None:
        raise NotFoundError
    page, membership = found
    return page, Actor(channel=Channel.DESK, moderator_id=membership.moderator.id)
