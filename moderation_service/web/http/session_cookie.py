"""The cookie by which a browser keeps a session of the desk."""

from aiohttp import web

from moderation_service.domain.errors import LoggedOutError
from moderation_service.services.accounts.sessions import LIFETIME, Session
from moderation_service.web.context import CONTEXT
from moderation_service.web.endpoint import session_cookie_name


def cookie_of(request: web.Request) -> str:
    """Return what the browser sent of a session, nothing where it sent none."""
    return request.cookies.get(_name(request), "")


def person_id(request: web.Request, session: Session) -> str:
    """Return the person at the desk; raise LoggedOutError for one who has just left."""
    found = request.app[CONTEXT].directory.person_of(session.memberships[0].moderator.email)
    if found is None:
        raise LoggedOutError
    return found


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
    return session_cookie_name(request.app[CONTEXT].settings.public_url)


def _path(request: web.Request) -> str:
    root = _root(request)
    return f"{root}/desk" if root else "/"


def _root(request: web.Request) -> str:
    return request.app[CONTEXT].settings.root


def _is_https(request: web.Request) -> bool:
    return request.app[CONTEXT].settings.public_url.startswith("https:")
