"""The routes of the desk: pages for moderators, who come by a mailed link and stay by a cookie."""

from moderation_service.web.endpoints import Endpoint
from moderation_service.web.handlers import desk, desk_decisions, desk_login
from schemas import desk as wire

_COMMENT = "/desk/comments/{comment_id}"
_DOOR = "/desk/login/{token}"

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/desk",
        handler=desk.show,
        summary="See all that waits, or the form to log in",
        query=wire.SheetQuery,
        answers={200: None},
        problems=(422, 503),
        is_page=True,
    ),
    Endpoint(
        method="POST",
        path="/desk/login",
        handler=desk_login.ask,
        summary="Ask for a log-in mail",
        form=wire.LogInForm,
        answers={200: None},
        problems=(400, 403, 413, 415, 422, 429, 503),
        is_page=True,
    ),
    Endpoint(
        method="GET",
        path="/desk/login",
        handler=desk_login.elsewhere,
        summary="The form to log in",
        answers={200: None},
        is_page=True,
    ),
    Endpoint(
        method="GET",
        path=_DOOR,
        handler=desk_login.door,
        summary="Look at the button of a mailed log-in; changes nothing",
        answers={200: None},
        problems=(404, 410, 503),
        is_page=True,
    ),
    Endpoint(
        method="POST",
        path=_DOOR,
        handler=desk_login.enter,
        summary="Log in by a mailed link, once",
        answers={303: None},
        problems=(403, 404, 410, 503),
        is_page=True,
    ),
    Endpoint(
        method="POST",
        path="/desk/logout",
        handler=desk_login.leave,
        summary="End the session",
        answers={303: None},
        problems=(400, 401, 403, 413, 415, 503),
        is_page=True,
    ),
    Endpoint(
        method="POST",
        path="/desk/decisions",
        handler=desk_decisions.decide,
        summary="Decide on one comment or on all that are checked",
        query=wire.SheetQuery,
        answers={200: wire.DecidedAnswer, 303: None},
        problems=(400, 401, 403, 413, 415, 422, 503),
        is_page=True,
    ),
    Endpoint(
        method="GET",
        path=_COMMENT,
        handler=desk_decisions.show,
        summary="See one comment with its history",
        answers={200: None},
        problems=(401, 404, 503),
        is_page=True,
    ),
    Endpoint(
        method="POST",
        path=f"{_COMMENT}/address",
        handler=desk_decisions.show_address,
        summary="See the whole address of an author, on record",
        answers={200: wire.Address},
        problems=(400, 401, 403, 404, 413, 415, 503),
        is_page=True,
    ),
    Endpoint(
        method="GET",
        path="/desk/updates",
        handler=desk.updates,
        summary="How the comments shown stand by now, and how many came meanwhile",
        query=wire.UpdatesQuery,
        answers={200: wire.Updates},
        problems=(401, 422, 503),
    ),
)
