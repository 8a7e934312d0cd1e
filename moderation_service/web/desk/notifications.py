"""When and by what means a moderator is told of comments: each decides that at the desk, for all sites at once."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from moderation_service.domain.errors import FieldsInvalidError
from moderation_service.domain.notifications.preferences import Preferences, Schedule, Ways
from moderation_service.services.accounts.sessions import Session
from moderation_service.services.notifications.preferences import Standing
from moderation_service.web.authentication import FIELDS, SESSION
from moderation_service.web.context import CONTEXT
from moderation_service.web.desk import frame
from moderation_service.web.http import problems, requests, session_cookie
from moderation_service.web.http.validation import load
from schemas.desk import NotificationsForm, SaidQuery

_QUERY, _FORM = SaidQuery(), NotificationsForm()
_PATH, _KEPT = "/notifications", "kept"


async def show(request: web.Request) -> web.Response:
    """Show what this person has chosen, in a form."""
    session, asked = request[SESSION], requests.query(request, _QUERY)
    standing = await _standing(request, session)
    return _page(request, session, standing, _typed(standing.preferences), said=asked["said"])


async def keep(request: web.Request) -> web.Response:
    """Keep what was chosen; show what is wrong with it beside what was typed."""
    session, fields = request[SESSION], request[FIELDS]
    try:
        form = load(_FORM, {name: value for name, value in fields.items() if value.strip()})
        chosen = Preferences(**form | {"schedule": Schedule(form["schedule"]), "ways": Ways(form["ways"])})
        await request.app[CONTEXT].preferences.keep(session_cookie.person_id(request, session), chosen)
    except FieldsInvalidError as error:
        return _page(request, session, await _standing(request, session), fields, error=error)
    return frame.to_desk(request, {"said": _KEPT}, path=_PATH)


async def _standing(request: web.Request, session: Session) -> Standing:
    return await request.app[CONTEXT].preferences.standing(session_cookie.person_id(request, session))


def _typed(chosen: Preferences) -> dict[str, str]:
    """Return what has been chosen as a form would send it."""
    values = {name: getattr(chosen, name) for name in Preferences.__dataclass_fields__}
    return {name: str(value) for name, value in values.items() if value is not None}


def _page(
    request: web.Request,
    session: Session,
    standing: Standing,
    fields: Mapping[str, str],
    *,
    said: str | None = None,
    error: FieldsInvalidError | None = None,
) -> web.Response:
    values: dict[str, Any] = {
        "standing": standing,
        "fields": fields,
        "was_kept": said == _KEPT,
        "faults": {} if error is None else problems.field_errors(error.errors, frame.language(session)),
    }
    status = HTTPStatus.OK if error is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return frame.page(request, session, "desk/notifications.html", values, status=status)
