"""Reporting a published comment: a page with a form, and the same as JSON."""

from http import HTTPStatus
from typing import Any

from aiohttp import web
from marshmallow import Schema

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.addresses import InvalidAddressError
from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import QueuedComment
from moderation_service.domain.errors import FieldsInvalidError, ModerationError, NotFoundError
from moderation_service.domain.moderation.reports import NewReport
from moderation_service.locales import reason_texts
from moderation_service.web.context import CONTEXT, LANGUAGE
from moderation_service.web.http import language, problems, requests, templates
from moderation_service.web.http.problems import Problem
from moderation_service.web.http.responses import to_json
from moderation_service.web.http.validation import load
from moderation_service.web.public import submission
from schemas.base import is_id
from schemas.problems import ProblemCode
from schemas.reports import NewReport as NewReportSchema
from schemas.reports import ReportForm

_JSON, _FORM = NewReportSchema(), ReportForm()
_EMAIL = "reporter_email"


async def show(request: web.Request) -> web.Response:
    """Show the comment, and a form to report it."""
    site, comment = await _find(request)
    return _page(request, site, comment)


async def send(request: web.Request) -> web.Response:
    """Take the report of the page's form; what is wrong with it stands over the form as it was filled in."""
    context = request.app[CONTEXT]
    client = context.clients.of(request)
    await context.submissions.await_turn(client)
    fields = await requests.form_of(request)
    site, comment = await _find(request)
    sent = dict(fields)
    try:
        new = _checked(request, fields, _FORM)
        submission.admitted(request, site)
        await context.reports.submit(comment, site, new, client=client)
    except NotFoundError:
        raise
    except ModerationError as error:
        return _page(request, site, comment, sent=sent, problem=problems.of(error, language.of(request)))
    return _page(request, site, comment, was_sent=True)


async def create(request: web.Request) -> web.Response:
    """Take a report as JSON; answer when it is on disk."""
    context = request.app[CONTEXT]
    client = context.clients.of(request)
    await context.submissions.await_turn(client)
    fields = await requests.json_of(request)
    site, comment = await _find(request)
    new = _checked(request, fields, _JSON)
    submission.admitted(request, site)
    report_id = await context.reports.submit(comment, site, new, client=client)
    return web.Response(
        status=HTTPStatus.ACCEPTED,
        body=to_json({"id": report_id}),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def _find(request: web.Request) -> tuple[Site, QueuedComment]:
    comment_id = request.match_info["comment_id"]
    if not is_id(comment_id):
        raise NotFoundError
    site, comment = await request.app[CONTEXT].reports.find(comment_id)
    request[LANGUAGE] = site.language
    return site, comment


def _checked(request: web.Request, fields: Any, schema: Schema) -> NewReport:
    """Return what was reported; raise FieldsInvalidError with all that is wrong."""
    fills_honeypot = submission.take_out(fields, request.app[CONTEXT].form_stamps.honeypots)
    faults: dict[str, Any] = {}
    loaded: dict[str, Any] = {}
    try:
        loaded = load(schema, fields)
    except FieldsInvalidError as error:
        faults |= error.errors
    typed = fields.get(_EMAIL) if isinstance(fields, dict) else None
    if isinstance(typed, str) and typed.strip() and _EMAIL not in faults:
        try:
            loaded[_EMAIL] = addresses.normalise(typed.strip())
        except InvalidAddressError:
            faults[_EMAIL] = ["invalid_email"]
    if faults:
        raise FieldsInvalidError(faults)
    return NewReport(**loaded, fills_honeypot=fills_honeypot)


def _page(
    request: web.Request,
    site: Site,
    comment: QueuedComment,
    *,
    sent: dict[str, str] | None = None,
    problem: Problem | None = None,
    was_sent: bool = False,
) -> web.Response:
    spoken = language.of(request)
    return templates.page(
        request,
        "report.html",
        spoken,
        {
            "site": site,
            "comment": comment,
            "asked_language": request.query.get("lang"),
            "reasons": reason_texts.choices(spoken, site.language, site.reasons),
            "fields": sent or {},
            "problem": problem,
            "errors": {} if problem is None else problem.errors,
            "is_blocked": problem is not None and problem.code is ProblemCode.BLOCKED,
            "was_sent": was_sent,
            "marks": request.app[CONTEXT].form_stamps.of_hour(site),
        },
        status=HTTPStatus.OK if problem is None else problem.status,
        headers=None if problem is None else problem.headers,
    )
