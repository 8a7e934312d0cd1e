"""Who asks: every request is checked here for what its row of the route table demands, before its handler runs."""

from dataclasses import dataclass

from aiohttp import web
from aiohttp.hdrs import METH_GET, METH_HEAD, METH_OPTIONS

from moderation_service.domain.accounts.sites import Moderator, Site
from moderation_service.domain.comments import pages
from moderation_service.domain.comments.receipts import OwnComment
from moderation_service.domain.errors import (
    ForgedFormError,
    LinkExpiredError,
    LinkVoidError,
    LoggedOutError,
    NotFoundError,
    UnauthorizedError,
)
from moderation_service.domain.moderation.link import Link
from moderation_service.services.accounts.sessions import Session
from moderation_service.services.notifications.subscriptions import Subscription
from moderation_service.services.operations.personal_data import Asked
from moderation_service.web.context import CONTEXT, LANGUAGE, READER
from moderation_service.web.endpoint import Credential, Endpoint
from moderation_service.web.http import client_address, requests, session_cookie

FORM_TOKEN_FIELD = "form_token"  # noqa: S105 - a field's name


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkHolder:
    """A moderator who came by a mailed link, which is signed and theirs; its comment was not looked at."""

    link: Link
    site: Site
    moderator: Moderator


HOLDERS = web.RequestKey("HOLDERS", tuple[LinkHolder, ...])
"""The same for each comment of a mail, where the endpoint is behind a digest's link."""
OWN = web.RequestKey("OWN", OwnComment)
"""The comment of a receipt, where the endpoint asks for one; its site is `SITE`."""
SITE = web.RequestKey("SITE", Site)
"""The site whose key was sent, or to which the comment of a receipt belongs, where the endpoint asks for one."""
HOLDER = web.RequestKey("HOLDER", LinkHolder)
"""Who came by a mailed link, where the endpoint is behind one."""
SUBSCRIPTION = web.RequestKey("SUBSCRIPTION", Subscription)
"""What a link is about that was mailed to an author, where the endpoint is behind one."""
ASKED = web.RequestKey("ASKED", Asked)
"""What is asked for about all that is kept of an address, where the endpoint is behind a link mailed to it."""
SESSION = web.RequestKey("SESSION", Session)
"""The session of the desk, where the endpoint asks for one or there is one."""
FIELDS = web.RequestKey("FIELDS", dict[str, str])
"""The fields of a form that was shown in the session."""

_SAFE = frozenset({METH_GET, METH_HEAD, METH_OPTIONS})
_SENT_BY_BROWSERS = frozenset(
    {
        Credential.MODERATION_LINK,
        Credential.DIGEST_LINK,
        Credential.LOGIN_LINK,
        Credential.PERSONAL_DATA_LINK,
        Credential.SESSION,
        Credential.FORM_OF_OURS,
    }
)

_TELL_NOBODY = frozenset(
    {Credential.MODERATION_LINK, Credential.DIGEST_LINK, Credential.RECEIPT, Credential.PERSONAL_DATA_LINK}
)


async def admit(request: web.Request, endpoint: Endpoint) -> None:
    """Let a request in that has what its endpoint asks for, and put who asks into the request.

    Raises UnauthorizedError without a site's key, LoggedOutError without a session, LinkInvalidError,
    LinkExpiredError, TokenExpiredError or LinkVoidError for a link, NotFoundError for no receipt, or to whom an
    endpoint is not to be known, and ForgedFormError for a form that another site's page sent.
    """
    credential = endpoint.credential
    if _is_sent_by_browsers(endpoint) and request.method not in _SAFE:
        _check_sender(request, tells_nobody=credential in _TELL_NOBODY)
    if credential is Credential.SITE_KEY:
        request[SITE] = _site_of_key(request)
    elif credential is Credential.MODERATION_LINK:
        request[HOLDER] = _holder(request)
    elif credential is Credential.DIGEST_LINK:
        request[HOLDERS] = _holders(request)
    elif credential.is_of_author:
        await _find_comment(request, credential)
    elif credential is Credential.SESSION:
        await _open_session(request)
    elif credential is Credential.SESSION_IF_ANY:
        found = await session_if_any(request)
        if found is not None:
            request[SESSION] = found
    elif credential is Credential.OPERATOR and not is_operator(request):
        raise NotFoundError


async def _find_comment(request: web.Request, credential: Credential) -> None:
    """Find the comment that an author's token names, and speak the language of its site."""
    context, token = request.app[CONTEXT], request.match_info["token"]
    if credential is Credential.RECEIPT:
        request[SITE], request[OWN] = await context.receipts.find(token)
        request[LANGUAGE] = request[SITE].language
    elif credential is Credential.PERSONAL_DATA_LINK:
        request[ASKED] = await context.personal_data.find(token)
        request[LANGUAGE] = request[ASKED].site.language
    else:
        request[SUBSCRIPTION] = await context.subscriptions.find(token)
        request[LANGUAGE] = request[SUBSCRIPTION].site.language


def _is_sent_by_browsers(endpoint: Endpoint) -> bool:
    """Tell whether an endpoint's requests come from pages of ours alone; those to a receipt also from scripts."""
    return endpoint.credential in _SENT_BY_BROWSERS or (
        endpoint.credential is Credential.RECEIPT and endpoint.is_page
    )


def is_operator(request: web.Request) -> bool:
    """Tell whether a request came straight from this machine or from where metrics may be read."""
    return client_address.is_direct_from(request, request.app[CONTEXT].settings.metrics_from)


async def session_if_any(request: web.Request) -> Session | None:
    """Return the session, None without one."""
    try:
        return await _session(request)
    except LoggedOutError:
        return None


def _site_of_key(request: web.Request) -> Site:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    site = request.app[CONTEXT].directory.sites.of_bearer(key.strip()) if scheme.lower() == "bearer" else None
    if site is None:
        raise UnauthorizedError
    return site


async def _session(request: web.Request) -> Session:
    session = await request.app[CONTEXT].sessions.find(session_cookie.cookie_of(request))
    request[READER] = session.memberships[0].moderator.language
    return session


async def _open_session(request: web.Request) -> None:
    request[SESSION] = await _session(request)
    if request.method not in _SAFE:
        request[FIELDS] = await _form(request, request[SESSION])


async def _form(request: web.Request, session: Session) -> dict[str, str]:
    fields = await requests.form_of(request)
    if not request.app[CONTEXT].sessions.is_form_token(session, fields.pop(FORM_TOKEN_FIELD, "")):
        raise ForgedFormError
    return fields


def _holder(request: web.Request) -> LinkHolder:
    context = request.app[CONTEXT]
    try:
        link = context.links.read(request.match_info["token"])
    except LinkExpiredError as error:
        _greet(request, error.link.site_id, error.link.moderator_id)
        raise
    _greet(request, link.site_id, link.moderator_id)
    site, moderator = context.moderation.holder(link)
    return LinkHolder(link=link, site=site, moderator=moderator)


def _holders(request: web.Request) -> tuple[LinkHolder, ...]:
    context = request.app[CONTEXT]
    found = []
    for link in context.links.of_digests.read(request.match_info["token"]):
        _greet(request, link.site_id, link.moderator_id)
        try:
            site, moderator = context.moderation.holder(link)
        except LinkVoidError:
            continue
        found.append(LinkHolder(link=link, site=site, moderator=moderator))
    if not found:
        raise LinkVoidError
    return tuple(found)


def _greet(request: web.Request, site_id: str, moderator_id: str) -> None:
    """Speak the language of whom the link was mailed to, that of the site where they have left."""
    site = request.app[CONTEXT].directory.sites.get(site_id)
    if site is not None:
        moderator = site.moderator(moderator_id)
        request[READER] = site.language if moderator is None else moderator.language


def _check_sender(request: web.Request, *, tells_nobody: bool) -> None:
    """Refuse what a browser sends from a page of another origin, with a credential of ours or without.

    `Sec-Fetch-Site` decides where a browser sends it. Where it does not, `Origin` does; a page that tells nobody
    where it was (`Referrer-Policy: no-referrer`) says `null` there.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site in ("same-origin", "none"):
        return
    origin = request.headers.get("Origin")
    ours = pages.origin(pages.canonical(request.app[CONTEXT].settings.public_url))
    if site is not None or origin not in (None, ours, *(["null"] if tells_nobody else [])):
        raise ForgedFormError
