"""Deciding on the desk, one comment or many; and one comment with its history."""

from typing import Any

from aiohttp import web

from moderation_service.domain.comments import Status
from moderation_service.domain.decisions import Decision, Outcome, Request
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError
from moderation_service.services.desk import File
from moderation_service.services.sessions import Session
from moderation_service.web import desk_pages, desk_words
from moderation_service.web.authentication import FIELDS, SESSION
from moderation_service.web.context import CONTEXT
from moderation_service.web.handlers import desk
from moderation_service.web.loading import load
from schemas.base import is_id, is_printable
from schemas.desk import Pick
from schemas.moderation import NOTE_CHARACTERS

_PICK = Pick()
_CHECKED = "comment."
_STAY = "stay"
"""The form's first button, unseen: what a browser presses when somebody hits Enter in a checkbox."""


async def decide(request: web.Request) -> web.Response:
    """Take one decision on one comment, by its own button, or on all that are checked."""
    session, fields = request[SESSION], request[FIELDS]
    way_back = desk.kept(desk.query_of(request))
    if _STAY in fields:
        return desk_pages.to_desk(request, way_back)
    decision, picked = _picked(fields)
    context = request.app[CONTEXT]
    note = _note(fields)
    requests = [
        Request(
            comment_id=one["id"],
            decision=Decision(one["decision"]),
            expected=Status(one["seen"]),
            revision=one["revision"],
            note=note,
        )
        for one in picked
    ]
    results = await context.desk.decide(session.seats, requests)
    if desk_pages.wants_json(request):
        asked = desk.query_of(request)
        found = await context.desk.news(
            session.seats,
            await desk.filter_of(request, session, asked),
            [one.comment_id for one in results],
            site_id=asked["site"],
            newest=None,
            with_search=True,
        )
        outcomes = {one.comment_id: one.outcome for one in results}
        return desk_pages.answer(
            {
                "results": [
                    desk_pages.standing(request, item) | {"outcome": outcomes[item.comment.id]}
                    for item in found.items
                ],
                "message": desk_words.sentence(desk_pages.language(session), decision, results),
                **desk.said_of(desk_pages.language(session), asked, found.overview),
            }
        )
    done = sum(one.outcome in (Outcome.DONE, Outcome.UNCHANGED) for one in results)
    said = {"said": f"{decision}.{done}.{len(results) - done}"} if results else {}
    return desk_pages.to_desk(request, way_back | said)


async def show(request: web.Request) -> web.Response:
    """Show one comment, what it answers, and its history."""
    session = request[SESSION]
    file = await request.app[CONTEXT].desk.file(session.seats, _comment_id(request))
    return _page(request, session, file)


async def show_next(request: web.Request) -> web.Response:
    """Lead to the oldest comment that waits; to the queue where none does, and to the log-in without a session."""
    session = request.get(SESSION)
    found = await request.app[CONTEXT].desk.first_waiting(session.seats) if session is not None else None
    return desk_pages.to_desk(request, path="" if found is None else f"/comments/{found}")


async def show_address(request: web.Request) -> web.Response:
    """Show the whole address of an author, once this is on record."""
    session = request[SESSION]
    file = await request.app[CONTEXT].desk.show_address(session.seats, _comment_id(request))
    if desk_pages.wants_json(request):
        return desk_pages.answer({"address": file.item.address})
    return _page(request, session, file, address=file.item.address)


def _page(request: web.Request, session: Session, file: File, *, address: str | None = None) -> web.Response:
    values = {"file": file, "item": file.item, "address_shown": address}
    return desk_pages.page(request, session, "desk/comment.html", values)


def _comment_id(request: web.Request) -> str:
    comment_id = request.match_info["comment_id"]
    if not is_id(comment_id):
        raise NotFoundError
    return comment_id


def _note(fields: dict[str, str]) -> str | None:
    """Return what the moderator noted, in one line."""
    note = " ".join(fields.get("note", "").split())[:NOTE_CHARACTERS]
    if not is_printable(note):
        raise FieldsInvalidError({"note": ["control_character"]})
    return note or None


def _picked(fields: dict[str, str]) -> tuple[Decision, list[dict[str, Any]]]:
    """Return the decision and the comments as they were shown; raise FieldsInvalidError for what is none."""
    one = fields.get("one")
    if one is not None:
        decision, _, shown = one.partition(".")
        chosen = [shown]
    else:
        decision = fields.get("many", "")
        chosen = [f"{name.removeprefix(_CHECKED)}.{shown}" for name, shown in fields.items() if _is_check(name)]
    if decision not in tuple(Decision):
        raise FieldsInvalidError({"decision": ["invalid_choice"]})
    return Decision(decision), [_pick(decision, shown) for shown in chosen]


def _is_check(name: str) -> bool:
    return name.startswith(_CHECKED)


def _pick(decision: str, shown: str) -> dict[str, Any]:
    """Read `id.state.revision`."""
    comment_id, _, rest = shown.partition(".")
    seen, _, revision = rest.partition(".")
    return load(_PICK, {"id": comment_id, "decision": decision, "seen": seen, "revision": revision})
