"""Deciding on all that a filter matches: a page in between, a decision that goes on by itself, and one undo."""

from aiohttp import web

from moderation_service.domain.errors import FieldsInvalidError, NotFoundError
from moderation_service.domain.moderation.decisions import TARGETS, Decision
from moderation_service.locales import reason_texts
from moderation_service.services.accounts.sessions import Session
from moderation_service.services.moderation import bulk_decisions
from moderation_service.services.moderation.bulk_decisions import WITHOUT_ASKING, Snapshot
from moderation_service.web.authentication import FIELDS, SESSION
from moderation_service.web.context import CONTEXT
from moderation_service.web.desk import frame, queue, sentences
from moderation_service.web.http import session_cookie
from schemas.base import is_id

_WITH_REASON = "reasoned"
"""The button that leads to the page where a reason is chosen."""

_WAIT_FOR = 3.0
"""Seconds that the answer waits for a bulk to be through: most are by then."""


async def decide(request: web.Request) -> web.Response:
    """Decide on all of a snapshot; where that is many, or a reason is to be given, first show what it concerns."""
    session, fields = request[SESSION], request[FIELDS]
    context = request.app[CONTEXT]
    asked = queue.query_of(request)
    snapshot = context.bulks.read(session, fields.get("snapshot", ""))
    decision = _decision(fields.get("all") or fields.get(_WITH_REASON, ""))
    preview = await context.bulks.preview(session.memberships, snapshot)
    is_asked = preview.count.number > WITHOUT_ASKING or (_WITH_REASON in fields and preview.count.number > 0)
    if is_asked and "confirmed" not in fields:
        spoken = frame.language(session)
        values = {
            "decision": decision,
            "target": TARGETS[decision],
            "preview": preview,
            "reasons": _choices(session, snapshot) if decision is Decision.REJECT else [],
            "snapshot": fields["snapshot"],
            "kept": queue.kept(asked | {"cursor": None}),
            "chips": queue.chips(session, asked),
            "state_word": sentences.state(
                spoken, sentences.SUSPECTS if snapshot.wanted.suspects else asked["status"]
            ),
        }
        return frame.page(request, session, "desk/bulk.html", values)
    if preview.count.number:
        reason = fields.get("reason", "").strip() if decision is Decision.REJECT else ""
        await _begin(request, session, snapshot, decision, preview.count.number, reason or None)
    return frame.to_desk(request, queue.kept(asked | {"cursor": None}))


async def undo(request: web.Request) -> web.Response:
    """Take back all that a bulk decided and nobody has changed since."""
    session = request[SESSION]
    bulk_id = request.match_info["bulk_id"]
    if not is_id(bulk_id):
        raise NotFoundError
    context = request.app[CONTEXT]
    await context.bulks.undo(session_cookie.person_id(request, session), bulk_id)
    await context.bulks.settled(bulk_id, within=_WAIT_FOR)
    return frame.to_desk(request, queue.kept(queue.query_of(request) | {"cursor": None}))


async def _begin(
    request: web.Request,
    session: Session,
    snapshot: Snapshot,
    decision: Decision,
    total: int,
    reason: str | None,
) -> None:
    context = request.app[CONTEXT]
    person_id = session_cookie.person_id(request, session)
    bulk_id = await context.bulks.begin(person_id, snapshot, decision, total=total, reason=reason)
    await context.bulks.settled(bulk_id, within=_WAIT_FOR)


def _choices(session: Session, snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return codes of reasons with their words; those of a site's own in the language of the first site."""
    offered = bulk_decisions.reasons(session.memberships, snapshot)
    return reason_texts.choices(frame.language(session), session.memberships[0].site.language, offered)


def _decision(text: str) -> Decision:
    if text not in tuple(TARGETS):
        raise FieldsInvalidError({"decision": ["invalid_choice"]})
    return Decision(text)
