"""Coming to the desk and leaving it: a mailed link, one button, and a session."""

from http import HTTPStatus

from aiohttp import web

from moderation_service.domain import addresses
from moderation_service.domain.addresses import InvalidAddressError
from moderation_service.domain.errors import (
    FieldsInvalidError,
    LinkInvalidError,
    LinkUsedError,
    LinkVoidError,
    ModerationError,
    TokenExpiredError,
    TooManyLoginsError,
)
from moderation_service.web import desk_pages, desk_session, problems, reading
from moderation_service.web.authentication import FORM_TOKEN_FIELD, SESSION, session_if_any
from moderation_service.web.context import CONTEXT
from moderation_service.web.loading import load
from moderation_service.web.middleware import language_of
from schemas.desk import LogInForm

_FORM = LogInForm()
_REFUSALS: dict[type[ModerationError], tuple[int, str]] = {
    LinkUsedError: (410, "used"),
    TokenExpiredError: (410, "old"),
    LinkVoidError: (410, "invalid"),
    LinkInvalidError: (404, "invalid"),
}
_REFUSED = tuple(_REFUSALS)


def form(request: web.Request, *, status: int = 200, **values: object) -> web.Response:
    """Return the page that asks for an address, with what is to be said above it."""
    nothing = {"email": "", "faults": [], "was_asked": False, "is_limited": False, "refusal": ""}
    retry_after = values.pop("retry_after", None)
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return desk_pages.bare_page(
        request, "desk/login.html", language_of(request), nothing | values, status=status, **headers
    )


async def ask(request: web.Request) -> web.Response:
    """Take an address; the answer is the same whether or not it is a moderator's."""
    fields = await reading.form_of(request)
    try:
        email = load(_FORM, fields)["email"]
        address = _address(email)
    except FieldsInvalidError as error:
        faults = problems.field_errors(error.errors, language_of(request)).get("email", [])
        return form(request, status=422, faults=faults, email=fields.get("email", ""))
    context = request.app[CONTEXT]
    try:
        await context.logins.ask(address, network=context.clients.network(request))
    except TooManyLoginsError as error:
        context.clients.note_refusal(request, reason=problems.code_of(error), route="/desk/login")
        return form(request, status=429, is_limited=True, email=email, retry_after=error.retry_after)
    return form(request, was_asked=True)


async def elsewhere(request: web.Request) -> web.Response:
    """Show the form to who comes back to its address."""
    return form(request)


async def door(request: web.Request) -> web.Response:
    """Show one button; mail scanners come here too, and open nothing."""
    return await _door(request, status=200)


async def enter(request: web.Request) -> web.Response:
    """Open a session, always a new one, and end the one that the browser had, if the button was pressed."""
    context = request.app[CONTEXT]
    token = request.match_info["token"]
    fields = await reading.form_of(request) if request.can_read_body else {}
    if not context.logins.is_form_token(token, fields.get(FORM_TOKEN_FIELD, "")):
        return await _door(request, status=409)
    try:
        session_id = await context.logins.enter(token)
    except _REFUSED as error:
        return _refusal(request, error)
    former = await session_if_any(request)
    if former is not None:
        await context.sessions.end(former.id)
    response = desk_pages.to_desk(request)
    desk_session.keep(request, response, session_id)
    return response


async def leave(request: web.Request) -> web.Response:
    """End the session here and in the browser."""
    await request.app[CONTEXT].sessions.end(request[SESSION].id)
    response = desk_pages.to_desk(request)
    desk_session.drop(request, response)
    return response


async def _door(request: web.Request, *, status: int) -> web.Response:
    logins = request.app[CONTEXT].logins
    token = request.match_info["token"]
    try:
        await logins.peek(token)
    except _REFUSED as error:
        return _refusal(request, error)
    values = {"token": token, "form_token": logins.form_token(token), "was_pressed": status == HTTPStatus.OK}
    return desk_pages.bare_page(request, "desk/door.html", language_of(request), values, status=status)


def _address(text: str) -> str:
    try:
        return addresses.normalise(text, local=True)
    except InvalidAddressError as error:
        raise FieldsInvalidError({"email": ["invalid_email"]}) from error


def _refusal(request: web.Request, error: ModerationError) -> web.Response:
    status, refusal = _REFUSALS[type(error)]
    return form(request, status=status, refusal=refusal)
