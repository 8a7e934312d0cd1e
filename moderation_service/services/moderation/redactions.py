"""What is left of comments when moderators take passages out, worked out before anything is locked."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments import redaction as rules
from moderation_service.domain.comments.comment import QueuedComment, Redaction, Status
from moderation_service.domain.comments.redaction import NotShortenedError, Refused
from moderation_service.domain.errors import NamedFault, RedactionInvalidError
from moderation_service.domain.moderation.decisions import Decision, Request
from moderation_service.services.comments.rendering import Renderer
from moderation_service.storage.comments import comments
from moderation_service.storage.engine.database import Connection

_LONGEST = 65_525
_QUICK_CHARACTERS = 2_000
"""Up to how many a text is compared at once; what is longer is in a thread."""


async def read(connection: Connection, site: Site, requests: Sequence[Request]) -> Mapping[str, QueuedComment]:
    """Return the comments of a site of which passages are to be taken out."""
    wanted = sorted({one.comment_id for one in requests if one.decision is Decision.REDACT})
    found = await comments.get_many(connection, wanted) if wanted else []
    return {one.id: one for one in found if one.site_id == site.id}


async def prepare(
    found: Mapping[str, QueuedComment], requests: Sequence[Request], renderer: Renderer
) -> dict[int, Redaction]:
    """Return what is left of texts, by the place of the request; none for what is no longer the newest text.

    Raises RedactionInvalidError for what is no shortened version, or is too long with its marks.
    """
    left: dict[int, Redaction] = {}
    for place, request in enumerate(requests):
        comment = found.get(request.comment_id) if request.decision is Decision.REDACT else None
        if comment is not None and request.revision in (None, comment.newest_revision):
            left[place] = await _left(comment, request, place, renderer)
    return left


async def _left(comment: QueuedComment, request: Request, place: int, renderer: Renderer) -> Redaction:
    original, typed = comment.newest_body, request.body or ""
    with renderer.room(len(original) + len(typed)):
        try:
            body = await _shortened(original, typed)
        except NotShortenedError as error:
            stood_so = comment.redacted and comment.status is Status.APPROVED and comment.edit is None
            if error.why is not Refused.NOTHING_REMOVED or not stood_so:
                raise RedactionInvalidError(NamedFault(error.why, error.word), place) from error
            return Redaction(
                comment_id=comment.id,
                of=comment.revision,
                body=comment.body,
                body_html=comment.body_html,
                renderer=0,
                is_unchanged=True,
            )
        if len(body.encode()) > _LONGEST:
            raise RedactionInvalidError(NamedFault("too_long", limit=_LONGEST), place)
        rendering = await renderer.render(body)
    return Redaction(
        comment_id=comment.id,
        of=comment.newest_revision,
        body=body,
        body_html=rendering.html,
        renderer=rendering.renderer,
    )


async def _shortened(original: str, typed: str) -> str:
    work = partial(rules.shortened, original, typed)
    return work() if len(original) <= _QUICK_CHARACTERS else await asyncio.to_thread(work)
