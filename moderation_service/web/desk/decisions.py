"""Deciding on the desk, one comment or many; and one comment with its history."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError
from moderation_service.domain.moderation.decisions import TARGETS, Decision, Outcome, Request
from moderation_service.locales import reason_texts
from moderation_service.services.accounts.sessions import Session
from moderation_service.services.moderation.desk import File
from moderation_service.web.authentication import FIELDS, SESSION
from moderation_service.web.context import CONTEXT
from moderation_service.web.desk import frame, queue, sentences
from moderation_service.web.http import problems
from moderation_service.web.http.responses import unstored_json
from moderation_service.web.http.validation import load
from schemas.base import is_id, is_printable
from schemas.desk import DeskRedactionForm, Pick
from schemas.moderation import NOTE_CHARACTERS

_PICK, _REDACTION = Pick(), DeskRedactionForm()
_CHECKED = "comment."
_STAY = "stay"
"""The form's first button, unseen: what a browser presses when somebody hits Enter in a checkbox."""


async def decide(request: web.Request) -> web.Response:
    """Take one decision on one comment, by its own button, or on all that are checked."""
    session, fields = request[SESSION], request[FIELDS]
    way_back = queue.kept(queue.query_of(request))
    if _STAY in fields:
        return frame.to_desk(request, way_back)
    decision, picked = _picked(fields)
    context = request.app[CONTEXT]
    note, reason = _line(fields, "note"), fields.get("reason", "").strip() or None
    requests = [
        Request(
            comment_id=one["id"],
            decision=Decision(one["decision"]),
            expected=Status(one["seen"]),
            revision=one["revision"],
            reason=reason if Decision(one["decision"]) is Decision.REJECT else None,
            note=note,
        )
        for one in picked
    ]
    results = await context.desk.decide(session.memberships, requests)
    if frame.wants_json(request):
        asked = queue.query_of(request)
        found = await context.desk.updates(
            session.memberships,
            await queue.filter_of(request, session, asked),
            [one.comment_id for one in results],
            site_id=asked["site"],
            newest=None,
            with_search=True,
            suspects_apart=queue.are_suspects_apart(asked),
        )
        outcomes = {one.comment_id: one.outcome for one in results}
        return unstored_json(
            {
                "results": [
                    frame.standing(request, item) | {"outcome": outcomes[item.comment.id]} for item in found.items
                ],
                "message": sentences.sentence(frame.language(session), decision, results),
                **queue.said_of(frame.language(session), asked, found.overview),
            }
        )
    done = sum(one.outcome in (Outcome.DONE, Outcome.UNCHANGED) for one in results)
    said = {"said": f"{decision}.{done}.{len(results) - done}"} if results else {}
    return frame.to_desk(request, way_back | said)


async def redact(request: web.Request) -> web.Response:
    """Approve what is left of a comment without some passages; what was typed stays where that cannot be."""
    session, sent = request[SESSION], request[FIELDS]
    named, desk = comment_id(request), request.app[CONTEXT].desk
    try:
        form = load(_REDACTION, {**sent, "note": _line(sent, "note") or ""})
        asked = Request(
            comment_id=named,
            decision=Decision.REDACT,
            expected=Status(form["seen"]),
            revision=form["revision"],
            reason=form["reason"],
            note=form["note"],
            body=form["body"],
        )
        [result] = await desk.decide(session.memberships, [asked])
    except FieldsInvalidError as error:
        file = await desk.file(session.memberships, named)
        return await page(request, session, file, left=sent.get("body", ""), left_error=error)
    if result.outcome is Outcome.NOT_FOUND:
        raise NotFoundError
    if result.outcome is Outcome.CONFLICT:
        file = await desk.file(session.memberships, named)
        return await page(request, session, file, left=sent.get("body", ""))
    return frame.to_desk(request, path=f"/comments/{named}")


async def show(request: web.Request) -> web.Response:
    """Show one comment, what it answers, and its history."""
    session = request[SESSION]
    file = await request.app[CONTEXT].desk.file(session.memberships, comment_id(request))
    return await page(request, session, file)


async def show_next(request: web.Request) -> web.Response:
    """Lead to the first comment of the queue; to the queue where none waits, to the log-in without a session."""
    session = request.get(SESSION)
    found = await request.app[CONTEXT].desk.first_waiting(session.memberships) if session is not None else None
    return frame.to_desk(request, path="" if found is None else f"/comments/{found}")


async def put_author_note(request: web.Request) -> web.Response:
    """Keep what the moderator notes about the author of a comment, in place of what was noted before."""
    named = comment_id(request)
    text = _line(request[FIELDS], "author_note")
    await request.app[CONTEXT].desk.put_author_note(request[SESSION].memberships, named, text)
    return frame.to_desk(request, path=f"/comments/{named}")


async def show_address(request: web.Request) -> web.Response:
    """Show the whole address of an author, once this is on record."""
    session = request[SESSION]
    file = await request.app[CONTEXT].desk.show_address(session.memberships, comment_id(request))
    if frame.wants_json(request):
        return unstored_json({"address": file.item.address})
    return await page(request, session, file, address=file.item.address)


async def page(
    request: web.Request,
    session: Session,
    file: File,
    *,
    address: str | None = None,
    fields: Mapping[str, str] | None = None,
    error: FieldsInvalidError | None = None,
    typed: str | None = None,
    answer_error: FieldsInvalidError | None = None,
    left: str | None = None,
    left_error: FieldsInvalidError | None = None,
    status: int | None = None,
) -> web.Response:
    """Show one comment; with what was wrong about a form to block something of it, and what stood in that.

    `typed` is an answer that was not published, with what was wrong about it. `left` is what was to be left of its
    text, and `left_error` what was wrong with that; without it the comment had changed.
    """
    context = request.app[CONTEXT]
    membership = file.item.membership
    spoken = frame.language(session)
    site = membership.site
    values = {
        "file": file,
        "reasons": reason_texts.choices(spoken, site.language, site.reasons),
        "item": file.item,
        "address_shown": address,
        "origin": await context.blocks.origin(membership.site, file.item.comment.id)
        if membership.sees_all
        else None,
        "fields": fields or {},
        "faults": {} if error is None else problems.field_errors(error.errors, spoken),
        "said": request.query.get("said"),
        "is_answering": "answer" in request.query,
        "typed": typed,
        "answer_faults": {} if answer_error is None else problems.field_errors(answer_error.errors, spoken),
        "left": left,
        "left_faults": {} if left_error is None else problems.field_errors(left_error.errors, spoken),
        "is_conflict": left is not None and left_error is None,
    }
    if status is None:
        is_faulty = error is not None or left_error is not None
        status = HTTPStatus.UNPROCESSABLE_ENTITY if is_faulty else HTTPStatus.OK
    if values["is_conflict"]:
        status = HTTPStatus.CONFLICT
    return frame.page(request, session, "desk/comment.html", values, status=status)


def comment_id(request: web.Request) -> str:
    """Return the id of the comment that the address names; raise NotFoundError for what is none."""
    named = request.match_info["comment_id"]
    if not is_id(named):
        raise NotFoundError
    return named


def _line(fields: dict[str, str], name: str) -> str | None:
    """Return what the moderator noted in a field, in one line."""
    note = " ".join(fields.get(name, "").split())[:NOTE_CHARACTERS]
    if not is_printable(note):
        raise FieldsInvalidError({name: ["control_character"]})
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
    if decision not in (*TARGETS, Decision.UNDO):
        raise FieldsInvalidError({"decision": ["invalid_choice"]})
    return Decision(decision), [_pick(decision, shown) for shown in chosen]


def _is_check(name: str) -> bool:
    return name.startswith(_CHECKED)


def _pick(decision: str, shown: str) -> dict[str, Any]:
    """Read `id.state.revision`."""
    comment_id, _, rest = shown.partition(".")
    seen, _, revision = rest.partition(".")
    return load(_PICK, {"id": comment_id, "decision": decision, "seen": seen, "revision": revision})
