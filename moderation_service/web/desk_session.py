"""Who is at the desk, by a cookie; and that a form was sent from a page of ours."""

from aiohttp import web

from moderation_service.domain import pages
from moderation_service.domain.errors import ForgedFormError, LoggedOutError
from moderation_service.services.sessions import LIFETIME, Session
from moderation_service.web import reading
from moderation_service.web.context import CONTEXT, READER

TOKEN_FIELD = "form_token"  # noqa: S105 - a field's name


async def session_of(request: web.Request) -> Session:
    """Return the session; raise LoggedOutError without one."""
    session = await request.app[CONTEXT].sessions.find(request.cookies.get(_name(request), ""))
    request[READER] = session.seats[0].moderator.language
    return session


async def session_if_any(request: web.Request) -> Session | None:
    """Return the session, None without one."""
    try:
        return await session_of(request)
    except LoggedOutError:
        return None


def person_id(request: web.Request, session: Session) -> str:
    """Return the person at the desk; raise LoggedOutError for one who has just left."""
    found = request.app[CONTEXT].directory.person_of(session.seats[0].moderator.email)
    if found is None:
        raise LoggedOutError
    return found


async def form_of(request: web.Request) -> dict[str, str]:
    """Return the fields of a form; raise HTTPUnsupportedMediaType for anything else."""
    if not reading.is_form(request):
        raise web.HTTPUnsupportedMediaType
    fields: dict[str, str] = await reading.fields_of(request)
    return fields


async def posted(request: web.Request) -> tuple[Session, dict[str, str]]:
    """Return session and fields of a form; raise ForgedFormError unless it was shown in that session."""
    check_origin(request)
    session = await session_of(request)
    fields = await form_of(request)
    if not request.app[CONTEXT].sessions.is_form_token(session, fields.pop(TOKEN_FIELD, "")):
        raise ForgedFormError
    return session, fields


def check_origin(request: web.Request) -> None:
    """Refuse what a browser sends from a page of another origin, with a cookie of ours or without."""
    site = request.headers.get("Sec-Fetch-Site")
    if site in ("same-origin", "none"):
        return
    origin = request.headers.get("Origin")
    ours = pages.origin(pages.canonical(request.app[CONTEXT].settings.public_url))
    if site is not None or origin not in (None, ours):
        raise ForgedFormError


def keep(request: web.Request, response: web.StreamResponse, session_id: str) -> None:
    """Give the browser the cookie of a new session."""
    response.set_cookie(
        _name(request),
        request.app[CONTEXT].sessions.cookie(session_id),
        max_age=int(LIFETIME.total_seconds()),
        path=_path(request),
        secure=_is_https(request),
        httponly=True,
        samesite="Lax",
    )


def drop(request: web.Request, response: web.StreamResponse) -> None:
    """Take the cookie from the browser."""
    response.del_cookie(
        _name(request), path=_path(request), secure=_is_https(request), httponly=True, samesite="Lax"
    )


def _name(request: web.Request) -> str:
    """Return a name that a neighbouring host cannot set where the browser lets us (RFC 6265bis, 4.1.3)."""
    if not _is_https(request):
        return "desk"
    return "__Secure-desk" if _root(request) else "__Host-desk"


def _path(request: web.Request) -> str:
    root = _root(request)
    return f"{root}/desk" if root else "/"


def _root(request: web.Request) -> str:
    return request.app[CONTEXT].settings.root


def _is_https(request: web.Request) -> bool:
    return request.app[CONTEXT].settings.public_url.startswith("https:")
