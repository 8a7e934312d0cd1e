"""The form of WordPress's themes: a static copy of such a site keeps it, and sends it here."""

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import Receipt
from moderation_service.domain.errors import FieldsInvalidError, ForeignOriginError, PageNotNamedError
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.drafting import Submission
from moderation_service.web.context import CONTEXT, LANGUAGE
from moderation_service.web.http import language, problems, requests, templates
from moderation_service.web.public import submission
from moderation_service.web.public.submission import Sent
from schemas.base import is_id
from schemas.wordpress import WordPressForm

PATH = "/wp-comments-post.php"

_FORM = WordPressForm()
_OURS = {one.data_key or name: name for name, one in _FORM.fields.items()}


async def create(request: web.Request) -> web.Response:
    """Store a comment, and answer as for a form of ours; where no page is named, say how a form names it."""
    sent = Sent()
    return await submission.answer_form(request, sent, _submit(request, sent), refuse=_refuse)


async def _submit(request: web.Request, sent: Sent) -> Receipt:
    context = request.app[CONTEXT]
    client = context.clients.of(request)
    await context.submissions.await_turn(client)
    given = await requests.form_of(request)
    sent.fields = {ours: given[name] for name, ours in _OURS.items() if name in given}
    if not is_id(given.get("comment_parent", "").strip().lower()):
        sent.fields.pop("parent_id", None)
    sender = _sender(request, context.directory)
    if sender is not None:
        request[LANGUAGE] = sender.language
    sent.fields["page_url"] = page_url = _page_url(request, given, sender)
    sent.site = context.directory.site_of(page_url)
    try:
        found = submission.checked(
            {**given, "page_url": page_url}, None, _FORM, sent, honeypots=context.form_stamps.honeypots
        )
    except FieldsInvalidError as error:
        raise FieldsInvalidError({_OURS[name]: faults for name, faults in error.errors.items()}) from error
    site = submission.admitted(request, sent.site)
    if sender is not None and sender is not site:
        raise ForeignOriginError
    return await context.submissions.submit(await _answering(request, found), site, client=client, key=None)


def _sender(request: web.Request, directory: Directory) -> Site | None:
    """Return the site whose page sent the form, by `Origin`, else by `Referer`; None where neither tells."""
    origin = request.headers.get("Origin", "null")
    if origin != "null":
        return directory.sites.of_origin(origin)
    return directory.site_of(request.headers.get("Referer"))


def _page_url(request: web.Request, given: Mapping[str, str], sender: Site | None) -> str:
    """Return the page's address: the form's own, else that of WordPress's number, else where the browser was.

    Across origins a browser says no more than its origin, which is no page. Raises PageNotNamedError.
    """
    if named := given.get("page_url", "").strip():
        return named
    if sender is not None:
        if listed := sender.wordpress_pages.get(given.get("comment_post_ID", "").strip()):
            return listed
        referer = request.headers.get("Referer", "")
        if referer and not sender.shows_at(referer.rstrip("/")):
            return referer
    raise PageNotNamedError


async def _answering(request: web.Request, found: Submission) -> Submission:
    """Return the submission at the top level where what it answers is no public comment of its page."""
    if found.parent_id is None:
        return found
    context = request.app[CONTEXT]
    page = context.directory.page_of(found.page_url)
    parent = await context.listings.answerable(page, found.parent_id)
    return found if parent is not None else replace(found, parent_id=None)


def _refuse(request: web.Request, sent: Sent, error: Exception) -> web.Response:
    """Show what to correct, or tell a site's owner how a form names its page and give the visitor's text back."""
    if not isinstance(error, PageNotNamedError):
        return submission.form_again(request, sent, error)
    spoken = language.of(request)
    problem = problems.of(error, spoken)
    values = {"problem": problem, "body": sent.fields.get("body", "")}
    return templates.page(request, "page_not_named.html", spoken, values, status=problem.status)
