"""The whole surface of the service on one screen."""

from moderation_service.web import desk_routes
from moderation_service.web.endpoints import Endpoint
from moderation_service.web.handlers import comments, moderation, moderation_api, operations, thread, widget
from schemas import changes as changes_wire
from schemas import comments as wire
from schemas import moderation as moderation_wire

_COMMENT = "/api/v1/comments/{comment_id}"
_LINK = "/moderate/{token}/{decision:approve|reject|spam}"
_QUEUE = "/api/v1/moderation/comments"

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/v1/comments",
        handler=comments.create,
        summary="Submit a comment",
        body=wire.Submission,
        form=wire.SubmissionForm,
        answers={202: wire.Receipt, 303: None},
        problems=(400, 403, 409, 413, 415, 422, 429, 503),
        is_for_sites=True,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/comments",
        handler=comments.index,
        summary="List the approved comments of a page",
        query=wire.ListQuery,
        answers={200: wire.CommentList, 304: None},
        problems=(403, 422, 503),
        is_public=True,
    ),
    Endpoint(
        method="GET",
        path=_COMMENT,
        handler=comments.show,
        summary="Read one approved comment",
        answers={200: wire.PublicComment, 304: None},
        problems=(404, 503),
        is_public=True,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/changes",
        handler=comments.changes,
        summary="Follow what a site's readers see change",
        query=changes_wire.ChangeQuery,
        answers={200: changes_wire.ChangeFeed},
        problems=(403, 422, 503),
        is_public=True,
    ),
    Endpoint(
        method="OPTIONS",
        path="/api/v1/comments",
        handler=comments.preflight,
        summary="Ask whether a page of another origin may post",
        answers={204: None},
        is_for_sites=True,
    ),
    Endpoint(
        method="GET",
        path="/comments",
        handler=thread.show,
        summary="Read a page's comments and write one, without JavaScript",
        query=wire.ThreadQuery,
        answers={200: None, 304: None},
        problems=(403, 422, 503),
        is_page=True,
        is_for_visitors=True,
    ),
    Endpoint(
        method="GET",
        path="/embed/comments.js",
        handler=widget.script,
        summary="The script that puts a page's comments into the page",
        query=wire.ScriptQuery,
        answers={200: None, 304: None},
        is_public=True,
    ),
    Endpoint(
        method="GET",
        path=_LINK,
        handler=moderation.show,
        summary="Look at a comment by a mailed link; changes nothing",
        answers={200: None},
        problems=(404, 410, 503),
        is_page=True,
    ),
    Endpoint(
        method="POST",
        path="/moderate/{token}/{decision:approve|reject|spam|undo}",
        handler=moderation.decide,
        summary="Decide on a comment by a mailed link",
        form=moderation_wire.DecisionForm,
        answers={200: None},
        problems=(400, 404, 409, 410, 413, 415, 422, 503),
        is_page=True,
    ),
    Endpoint(
        method="GET",
        path=_QUEUE,
        handler=moderation_api.queue,
        summary="List a site's comments by status",
        query=moderation_wire.QueueQuery,
        answers={200: moderation_wire.Queue},
        problems=(401, 422, 503),
        needs_key=True,
    ),
    Endpoint(
        method="GET",
        path=f"{_QUEUE}/{{comment_id}}/history",
        handler=moderation_api.history,
        summary="Read all decisions on a comment",
        answers={200: moderation_wire.History},
        problems=(401, 404, 503),
        needs_key=True,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/moderation/decisions",
        handler=moderation_api.decide,
        summary="Decide on up to 500 comments",
        body=moderation_wire.Decisions,
        answers={200: moderation_wire.DecisionResults},
        problems=(400, 401, 413, 415, 422, 503),
        needs_key=True,
    ),
    *desk_routes.ENDPOINTS,
    Endpoint(
        method="GET",
        path="/health/live",
        handler=operations.live,
        summary="Whether the process runs",
        answers={200: None},
    ),
    Endpoint(
        method="GET",
        path="/health/ready",
        handler=operations.ready,
        summary="Whether a comment could be stored",
        answers={200: None, 503: None},
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        handler=operations.openapi,
        summary="This document",
        answers={200: None},
        is_public=True,
    ),
)
