"""The route by which comments come in, as JSON or as a form without script: from the request to its answer."""

import dataclasses
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from marshmallow import Schema

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.addresses import InvalidAddressError
from moderation_service.domain.accounts.sites import FormFields, Presence, Site
from moderation_service.domain.comments import pages
from moderation_service.domain.comments.comment import Receipt
from moderation_service.domain.comments.pages import InvalidPageError
from moderation_service.domain.errors import (
    DuplicateCommentError,
    FieldsInvalidError,
    ForeignOriginError,
    ModerationError,
    RefusedError,
    UnknownSiteError,
)
from moderation_service.locales import translations
from moderation_service.metrics import ACCEPTED, REPLAYED
from moderation_service.services.comments.drafting import Submission
from moderation_service.web.context import CONTEXT, LANGUAGE
from moderation_service.web.http import language, problems, requests, templates
from moderation_service.web.http.responses import to_json
from moderation_service.web.http.validation import load
from moderation_service.web.public import receipt_address, thread_address
from schemas.base import Fault
from schemas.comments import KEY_CHARACTERS, URL_CHARACTERS, SubmissionForm, WarningCode
from schemas.comments import Submission as SubmissionSchema
from schemas.problems import ProblemCode

_JSON, _FORM = SubmissionSchema(), SubmissionForm()
_EMAIL, _WEBSITE = "author_email", "author_url"
_SUBMITTED = [one.name for one in dataclasses.fields(Submission)]


@dataclass(slots=True)
class Sent:
    """What is known of a submission so far: its fields as sent, and the site of the page that they name."""

    fields: dict[str, Any] = field(default_factory=dict)
    site: Site | None = None

    @property
    def asked(self) -> FormFields:
        """Return what the site's forms ask for, the usual where none of ours is named."""
        return FormFields() if self.site is None else self.site.fields

    @property
    def keeps_route(self) -> bool:
        """Whether a route in the fragment names a page of the site."""
        return self.site is not None and self.site.page_rules.fragment_routes

    @property
    def site_id(self) -> str:
        """Return the site's id, empty where none of ours is named."""
        return "" if self.site is None else self.site.id


async def create(request: web.Request) -> web.Response:
    """Store a comment; answer when it is on disk together with what is to be mailed to the moderators."""
    sent = Sent()
    if requests.is_form(request):
        return await answer_form(request, sent, _submit(request, sent, _FORM))
    return _accepted(request, await _counted(request, sent, _submit(request, sent, _JSON)))


def form_again(request: web.Request, sent: Sent, error: Exception) -> web.Response:
    """Show what went wrong over the form as the visitor filled it in, so that nothing is lost.

    Where the page is closed, or the visitor blocked, there is no form, only the text to keep.
    """
    spoken = language.of(request)
    problem = problems.of(error, spoken)
    leads_to = () if sent.site is None else sent.site.shown_at
    public_url = request.app[CONTEXT].settings.public_url
    is_ours = sent.fields.get("redirect_to") == thread_address.address(public_url)
    return templates.page(
        request,
        "submission.html",
        spoken,
        {
            "problem": problem,
            "fields": sent.fields,
            "action": thread_address.action(public_url, request.query),
            "asked": sent.asked,
            "marks": None if sent.site is None else request.app[CONTEXT].form_stamps.of_hour(sent.site),
            "site": sent.site,
            "is_framed": is_ours,
            "is_final": problem.code in (ProblemCode.COMMENTS_CLOSED, ProblemCode.BLOCKED),
            "is_refused": isinstance(error, RefusedError),
        },
        status=problem.status,
        headers=problem.headers,
        leads_to=leads_to,
        framed_by=leads_to if is_ours else (),
    )


async def answer_form(
    request: web.Request,
    sent: Sent,
    submitting: Awaitable[Receipt],
    *,
    refuse: Callable[[web.Request, Sent, Exception], web.Response] = form_again,
) -> web.Response:
    """Lead a browser back to its page, or `refuse` what it sent.

    A visitor who presses the button twice is led back as the first time, without a note of the comment.
    """
    try:
        receipt = await _counted(request, sent, submitting)
    except DuplicateCommentError:
        return _led_back(request, sent, None)
    except (ModerationError, web.HTTPException) as error:
        return refuse(request, sent, error)
    return _led_back(request, sent, receipt)


async def _counted(request: web.Request, sent: Sent, submitting: Awaitable[Receipt]) -> Receipt:
    """Note what came of a submission in the metrics."""
    submissions = request.app[CONTEXT].metrics.submissions
    try:
        receipt = await submitting
    except Exception as error:
        submissions.labels(sent.site_id, problems.code_of(error)).inc()
        raise
    submissions.labels(sent.site_id, REPLAYED if receipt.is_replayed else ACCEPTED).inc()
    return receipt


async def _submit(request: web.Request, sent: Sent, schema: Schema) -> Receipt:
    """Check body, fields, site and origin in this order, and store the comment.

    All of that is cheap; whatever costs more comes behind it, in `services.comments.submission`.
    """
    context = request.app[CONTEXT]
    client = context.clients.of(request)
    await context.submissions.await_turn(client)
    fields = await requests.fields_of(request)
    if isinstance(fields, dict):
        sent.fields = fields
        sent.site = context.directory.site_of(fields.get("page_url"))
    if sent.site is not None:
        request[LANGUAGE] = sent.site.language
    key = request.headers.get("Idempotency-Key")
    submission = checked(fields, key, schema, sent, honeypots=context.form_stamps.honeypots)
    site = admitted(request, sent.site)
    return await context.submissions.submit(submission, site, client=client, key=key)


def admitted(request: web.Request, site: Site | None) -> Site:
    """Return the site of a submission; raise UnknownSiteError, or ForeignOriginError for another site's page.

    Our own pages carry the form too.
    """
    if site is None:
        raise UnknownSiteError
    origin = request.headers.get("Origin")
    ours = pages.origin(request.app[CONTEXT].settings.public_url)
    if origin is None or origin in ("null", ours) or site.shows_at(origin):
        return site
    raise ForeignOriginError


def checked(fields: Any, key: str | None, schema: Schema, sent: Sent, *, honeypots: Collection[str]) -> Submission:
    """Return the submission; raise FieldsInvalidError with all that is wrong, the idempotency key included.

    `honeypots` are the names of the fields that no person sees; whatever stands there is no fault.
    """
    faults: dict[str, Any] = {}
    loaded: dict[str, Any] = {}
    asked = sent.asked
    fields, missing = _as_asked(fields, schema, asked)
    fills_honeypot = take_out(fields, honeypots)
    try:
        loaded = load(schema, fields, without=[] if asked.author_email is Presence.REQUIRED else [_EMAIL])
    except FieldsInvalidError as error:
        faults |= error.errors
    faults |= {name: ["required"] for name in missing if name not in faults}
    if key is not None and not (0 < len(key) <= KEY_CHARACTERS and key.isascii() and key.isprintable()):
        faults["Idempotency-Key"] = ["invalid_key"]
    name = schema.fields[_EMAIL].data_key or _EMAIL
    email = fields.get(name) if isinstance(fields, dict) else None
    if isinstance(email, str) and name not in faults:
        try:
            loaded[_EMAIL] = addresses.normalise(email.strip())
        except InvalidAddressError:
            faults[name] = ["invalid_email"]
    if "page_url" in loaded and not faults:
        try:
            loaded["page_url"] = _page_url(loaded["page_url"], keep_route=sent.keeps_route)
        except InvalidPageError:
            faults["page_url"] = ["invalid_url"]
        except FieldsInvalidError as error:
            faults |= error.errors
    if faults:
        raise FieldsInvalidError(faults)
    loaded.setdefault(_EMAIL, None)
    return Submission(
        **{name: loaded[name] for name in _SUBMITTED if name in loaded}, fills_honeypot=fills_honeypot
    )


def take_out(fields: Any, honeypots: Collection[str]) -> bool:
    """Take the fields that no person sees out of a copy of what was sent; tell whether one was filled."""
    if not isinstance(fields, dict):
        return False
    given = [fields.pop(name, None) for name in honeypots]
    return any(one.strip() if isinstance(one, str) else one is not None for one in given)


def _as_asked(fields: Any, schema: Schema, asked: FormFields) -> tuple[Any, list[str]]:
    """Return the fields without what the site does not want or what is empty and may be; and what is missing."""
    if not isinstance(fields, dict):
        return fields, []
    kept, missing = dict(fields), []
    for ours, presence in ((_EMAIL, asked.author_email), (_WEBSITE, asked.author_url)):
        name = schema.fields[ours].data_key or ours
        given = kept.get(name)
        is_empty = given is None or (isinstance(given, str) and not given.strip())
        if presence is Presence.HIDDEN or (presence is Presence.OPTIONAL and is_empty):
            kept.pop(name, None)
        elif is_empty:
            missing.append(name)
    return kept, missing


def _page_url(url: str, *, keep_route: bool) -> str:
    """Return the canonical URL; it has the same limit, so that a reader can ask for the page by it."""
    canonical = pages.canonical(url, keep_route=keep_route)
    if len(canonical) > URL_CHARACTERS:
        raise FieldsInvalidError({"page_url": [Fault("too_long", URL_CHARACTERS)]})
    return canonical


def _accepted(request: web.Request, receipt: Receipt) -> web.Response:
    answer = {
        "id": receipt.id,
        "status": "pending",
        "page_url": receipt.page_url,
        "created_at": receipt.created_at,
    }
    if receipt.token is not None:
        answer["receipt_url"] = receipt_address.address(request.app[CONTEXT].settings.public_url, receipt.token)
    if receipt.is_simplified:
        gettext = translations(language.of_json(request)).gettext
        message = gettext("Your comment contains so much formatting that it is shown exactly as you typed it.")
        answer["warnings"] = [{"code": WarningCode.SHOWN_AS_TYPED, "message": message}]
    if receipt.challenge is not None:
        answer["challenge"] = receipt.challenge
    root = request.app[CONTEXT].settings.root
    return web.Response(
        status=202,
        body=to_json(answer),
        content_type="application/json",
        headers={"Location": f"{root}/api/v1/comments/{receipt.id}", "Cache-Control": "no-store"},
    )


def _led_back(request: web.Request, sent: Sent, receipt: Receipt | None) -> web.Response:
    """Send the browser to `redirect_to` if it stays on the site, else to the page itself, and note what came.

    `redirect_to` may also name our own page of comments, by exactly its address; all behind that is ours to add.
    """
    assert sent.site is not None  # noqa: S101 - a comment of no site is not accepted
    page_url = sent.fields["page_url"].strip()
    wanted = sent.fields.get("redirect_to", "").strip()
    canonical = pages.canonical(page_url, keep_route=sent.keeps_route)
    public_url = request.app[CONTEXT].settings.public_url
    if wanted == thread_address.address(public_url):
        location = thread_address.held(public_url, request.query, canonical, is_known=receipt is not None)
    else:
        resolved = pages.resolve(page_url, wanted or page_url)
        stays = resolved is not None and sent.site.shows_at(pages.origin(pages.canonical(resolved)))
        location = resolved if resolved is not None and stays else canonical
    if receipt is not None:
        note = request.app[CONTEXT].receipts.note(receipt.id, is_simplified=receipt.is_simplified)
        keeps_fragment = bool(wanted) or sent.keeps_route
        location = receipt_address.noted(location, receipt.id, note, keeps_fragment=keeps_fragment)
    return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})
