"""From what a visitor sent to a stored comment; the part that JSON and forms share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web
from marshmallow import Schema

from moderation_service.domain import addresses, pages
from moderation_service.domain.addresses import InvalidAddressError
from moderation_service.domain.comments import Receipt
from moderation_service.domain.errors import FieldsInvalidError, ForeignOriginError, UnknownSiteError
from moderation_service.domain.pages import InvalidPageError
from moderation_service.domain.sites import Site
from moderation_service.services.submission import Submission
from moderation_service.web import problems, reading, traffic
from moderation_service.web.context import CONTEXT, LANGUAGE
from moderation_service.web.loading import load
from schemas.base import Fault
from schemas.comments import URL_CHARACTERS


async def fields_of(request: web.Request) -> Any:
    """Return what a visitor sent; raise, and count, what `reading.fields_of` raises."""
    with _refusals_counted(request, None):
        await _await_turn(request)
        return await reading.fields_of(request)


async def _await_turn(request: web.Request) -> None:
    """Let clients of a network that is over its limit wait, so that they take little from the others."""
    context = request.app[CONTEXT]
    client = context.clients.address(request)
    if client is None or any(site.screening.exempts(client) for site in context.directory.sites):
        return
    await context.admission.networks.await_turn(context.clients.network(request))


async def submit(request: web.Request, fields: Any, schema: Schema) -> Receipt:
    """Check fields, site and origin in this order, store the comment, wake the mail, and count the outcome.

    All of that is cheap; whatever costs more comes behind it, in `services.admission`.
    """
    context = request.app[CONTEXT]
    site = site_of(request, fields)
    if site is not None:
        request[LANGUAGE] = site.language
    with _refusals_counted(request, site):
        submission, key = _checked(request, fields, schema)
        if site is None:
            raise UnknownSiteError
        _check_origin(request, site)
        receipt = await context.admission.submit(
            submission,
            site,
            network=context.clients.network(request),
            client=context.clients.address(request),
            key=key,
        )
    outcome = traffic.REPLAYED if receipt.is_replayed else traffic.ACCEPTED
    context.metrics.traffic.note_submission(site.id, outcome)
    if not receipt.is_replayed:
        context.wake_delivery()
    return receipt


@contextmanager
def _refusals_counted(request: web.Request, site: Site | None) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        site_id = "" if site is None else site.id
        request.app[CONTEXT].metrics.traffic.note_submission(site_id, problems.code_of(error))
        raise


def site_of(request: web.Request, fields: Any) -> Site | None:
    """Return the site of the page that the fields name, None if they name none of ours."""
    url = fields.get("page_url") if isinstance(fields, dict) else None
    if not isinstance(url, str):
        return None
    try:
        return request.app[CONTEXT].directory.sites.of_page(pages.canonical(url.strip()))
    except (InvalidPageError, UnicodeError):
        return None


def _checked(request: web.Request, fields: Any, schema: Schema) -> tuple[Submission, str | None]:
    """Return the submission and the idempotency key; raise FieldsInvalidError with all that is wrong."""
    faults: dict[str, Any] = {}
    loaded: dict[str, Any] = {}
    key = None
    try:
        loaded = load(schema, fields)
    except FieldsInvalidError as error:
        faults |= error.errors
    try:
        key = reading.idempotency_key(request)
    except FieldsInvalidError as error:
        faults |= error.errors
    email = fields.get("author_email") if isinstance(fields, dict) else None
    if isinstance(email, str) and "author_email" not in faults:
        try:
            loaded["author_email"] = addresses.normalise(email.strip())
        except InvalidAddressError:
            faults["author_email"] = ["invalid_email"]
    if "page_url" in loaded and not faults:
        try:
            loaded["page_url"] = _page_url(loaded["page_url"])
        except InvalidPageError:
            faults["page_url"] = ["invalid_url"]
        except FieldsInvalidError as error:
            faults |= error.errors
    if faults:
        raise FieldsInvalidError(faults)
    loaded.pop("redirect_to", None)
    return Submission(**loaded), key


def _page_url(url: str) -> str:
    """Return the canonical URL; it has the same limit, so that a reader can ask for the page by it."""
    canonical = pages.canonical(url)
    if len(canonical) > URL_CHARACTERS:
        raise FieldsInvalidError({"page_url": [Fault("too_long", URL_CHARACTERS)]})
    return canonical


def _check_origin(request: web.Request, site: Site) -> None:
    """Refuse what another site's page sent. Our own pages carry the form too."""
    origin = request.headers.get("Origin")
    if origin is None or origin == "null" or origin in site.origins:
        return
    if origin != pages.origin(request.app[CONTEXT].settings.public_url):
        raise ForeignOriginError
