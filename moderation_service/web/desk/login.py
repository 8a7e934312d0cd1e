"""Coming to the desk and leaving it: a mailed link, one button, and a session."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from aiohttp import web

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.addresses import InvalidAddressError
from moderation_service.domain.errors import (
    FieldsInvalidError,
    LinkInvalidError,
    LinkUsedError,
    LinkVoidError,
    ModerationError,
    TokenExpiredError,
    TooManyLoginsError,
)
from moderation_service.web.authentication import FORM_TOKEN_FIELD, SESSION, session_if_any
from moderation_service.web.context import CONTEXT
from moderation_service.web.desk import frame
from moderation_service.web.http import language, problems, requests, session_cookie
from moderation_service.web.http.validation import load
from schemas.desk import LogInForm

_FORM = LogInForm()
_REFUSALS: dict[type[ModerationError], tuple[int, str]] = {
    LinkUsedError: (410, "used"),
    TokenExpiredError: (410, "old"),
    LinkVoidError: (410, "invalid"),
    LinkInvalidError: (404, "invalid"),
}
_REFUSED = tuple(_REFUSALS)


def form(
    request: web.Request,
    *,
    status: int = 200,
    email: str = "",
    faults: Sequence[Mapping[str, str]] = (),
    was_asked: bool = False,
    refusal: str = "",
    retry_after: int | None = None,
) -> web.Response:
    """Return the page that asks for an address, with what is to be said above it.

    `faults` are what is wrong with `email`, each with its message; `refusal` says why a link opens nothing, and
    `retry_after` in how many seconds a network that asked too often may ask again.
    """
    values = {
        "email": email,
        "faults": faults,
        "was_asked": was_asked,
        "is_limited": retry_after is not None,
        "refusal": refusal,
    }
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return frame.bare_page(request, "desk/login.html", language.of(request), values, status=status, **headers)


async def ask(request: web.Request) -> web.Response:
    """Take an address; the answer is the same whether or not it is a moderator's."""
    fields = await requests.form_of(request)
    try:
        email = load(_FORM, fields)["email"]
        address = _address(email)
    except FieldsInvalidError as error:
        faults = problems.field_errors(error.errors, language.of(request)).get("email", [])
        return form(request, status=422, faults=faults, email=fields.get("email", ""))
    context = request.app[CONTEXT]
    try:
        await context.logins.ask(address, network=context.clients.of(request).network)
    except TooManyLoginsError as error:
        context.clients.note_refusal(request, reason=problems.code_of(error), route="/desk/login")
        return form(request, status=429, email=email, retry_after=error.retry_after)
    return form(request, was_asked=True)


async def elsewhere(request: web.Request) -> web.Response:
    """Show the form to who comes back to its address."""
    return form(request)


async def confirm(request: web.Request) -> web.Response:
    """Show one button; mail scanners come here too, and open nothing."""
    return await _login_page(request, status=200)


async def enter(request: web.Request) -> web.Response:
    """Open a session, always a new one, and end the one that the browser had, if the button was pressed."""
    context = request.app[CONTEXT]
    token = request.match_info["token"]
    fields = await requests.form_of(request) if request.can_read_body else {}
    if not context.logins.is_form_token(token, fields.get(FORM_TOKEN_FIELD, "")):
        return await _login_page(request, status=409)
    try:
        session_id = await context.logins.enter(token)
    except _REFUSED as error:
        return _refusal(request, error)
    former = await session_if_any(request)
    if former is not None:
        await context.sessions.end(former.id)
    response = frame.to_desk(request)
    session_cookie.keep(request, response, session_id)
    return response


async def leave(request: web.Request) -> web.Response:
    """End the session here and in the browser."""
    await request.app[CONTEXT].sessions.end(request[SESSION].id)
    response = frame.to_desk(request)
    session_cookie.drop(request, response)
    return response


async def _login_page(request: web.Request, *, status: int) -> web.Response:
    logins = request.app[CONTEXT].logins
    token = request.match_info["token"]
    try:
        await logins.peek(token)
    except _REFUSED as error:
        return _refusal(request, error)
    values = {"token": token, "form_token": logins.form_token(token), "was_pressed": status == HTTPStatus.OK}
    return frame.bare_page(request, "desk/confirm_login.html", language.of(request), values, status=status)


def _address(text: str) -> str:
    try:
        return addresses.normalise(text, local=True)
    except InvalidAddressError as error:
        raise FieldsInvalidError({"email": ["invalid_email"]}) from error


def _refusal(request: web.Request, error: ModerationError) -> web.Response:
    status, refusal = _REFUSALS[type(error)]
    return form(request, status=status, refusal=refusal)
