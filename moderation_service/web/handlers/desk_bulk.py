"""Deciding on all that a filter matches: a page in between, a decision that goes on by itself, and one undo."""

from aiohttp import web

from moderation_service.domain.decisions import TARGETS, Decision
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError
from moderation_service.services.bulks import WITHOUT_ASKING, Snapshot
from moderation_service.services.sessions import Session
from moderation_service.web import desk_pages, desk_session, desk_words
from moderation_service.web.authentication import FIELDS, SESSION
from moderation_service.web.context import CONTEXT
from moderation_service.web.handlers import desk
from schemas.base import is_id

_WAIT_FOR = 3.0
"""Seconds that the answer waits for a bulk to be through: most are by then."""


async def decide(request: web.Request) -> web.Response:
    """Decide on all of a snapshot; where that is many, first show how many, and some of them."""
    session, fields = request[SESSION], request[FIELDS]
    context = request.app[CONTEXT]
    asked = desk.query_of(request)
    snapshot = context.bulks.read(session, fields.get("snapshot", ""))
    decision = _decision(fields.get("all", ""))
    preview = await context.bulks.preview(session.seats, snapshot)
    if preview.count.number > WITHOUT_ASKING and "confirmed" not in fields:
        spoken = desk_pages.language(session)
        values = {
            "decision": decision,
            "target": TARGETS[decision],
            "preview": preview,
            "snapshot": fields["snapshot"],
            "kept": desk.kept(asked | {"cursor": None}),
            "chips": desk.chips(session, asked),
            "state_word": desk_words.state(spoken, asked["status"]),
        }
        return desk_pages.page(request, session, "desk/bulk.html", values)
    if preview.count.number:
        await _begin(request, session, snapshot, decision, preview.count.number)
    return desk_pages.to_desk(request, desk.kept(asked | {"cursor": None}))


async def undo(request: web.Request) -> web.Response:
    """Take back all that a bulk decided and nobody has changed since."""
    session = request[SESSION]
    bulk_id = request.match_info["bulk_id"]
    if not is_id(bulk_id):
        raise NotFoundError
    context = request.app[CONTEXT]
    await context.bulks.undo(desk_session.person_id(request, session), bulk_id)
    await context.bulks.settled(bulk_id, within=_WAIT_FOR)
    return desk_pages.to_desk(request, desk.kept(desk.query_of(request) | {"cursor": None}))


async def _begin(
    request: web.Request, session: Session, snapshot: Snapshot, decision: Decision, total: int
) -> None:
    context = request.app[CONTEXT]
    person_id = desk_session.person_id(request, session)
    bulk_id = await context.bulks.begin(person_id, snapshot, decision, total=total)
    await context.bulks.settled(bulk_id, within=_WAIT_FOR)


def _decision(text: str) -> Decision:
    if text not in tuple(TARGETS):
        raise FieldsInvalidError({"decision": ["invalid_choice"]})
    return Decision(text)
