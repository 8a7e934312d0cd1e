"""OpenAPI 3.1 of the route table and its schemas."""

import inspect
import re
from collections.abc import Sequence
from functools import cache, cached_property
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import RAISE

from moderation_service import __version__
from moderation_service.web.cache.answers import Answer
from moderation_service.web.endpoint import Credential, Endpoint, session_cookie_name
from moderation_service.web.http import problems
from schemas.base import TEXT_WITH_INK, Count, Id, Line, ResponseSchema, Text
from schemas.changes import EVENT_ID, EventId, WebhookEvent
from schemas.desk import SessionForm
from schemas.problems import FIELD_MESSAGES, PROBLEMS, Problem

_PARAMETER = re.compile(r"{(\w+)(?::([^}]+))?}")
_KEYS = ("openapi", "info", "servers", "tags", "paths", "webhooks", "components")
"""What the document consists of, in the order in which one reads it."""

_TEXT = {"type": "string"}
_HEADERS = {"Cache-Control": "public, no-cache", "Vary": "Accept-Encoding"}


_FIELD_NAME = r"^[^\u0000-\u001f\u007f]*$"
"""Of a part of a form: its name stands in a header."""
_KEY = "A key of a site: `moderation-service keys new` makes one, and `api_keys` in the sites file lists it."
_COOKIE = "A moderator's session, which a mailed link to log in begins."
_SECURITY: dict[Credential, list[dict[str, list[str]]]] = {
    Credential.SITE_KEY: [{"siteKey": []}],
    Credential.SESSION: [{"deskSession": []}],
    Credential.SESSION_IF_ANY: [{}, {"deskSession": []}],
}
"""What a request must show beside what stands in its path."""
_OBJECT = {"type": "object"}
_TEXTS = files("moderation_service.web.operations") / "texts"
SUBMISSION_PATH = "/schemas/comment-submission.json"
"""Where the JSON Schema of a comment alone stands."""

FOR_PEOPLE = "Pages for people"
"""The tag of what programs need not know."""

_TAGS = {
    "Posting": "posting",
    "Reading": "reading",
    "Following": "following",
    "Moderation": "moderation",
    "Operation": "operation",
    FOR_PEOPLE: "pages",
}
"""Each tag, and the text that describes it."""

_TAGS_OF_PATHS = (
    (("/api/v1/changes", "/api/v1/stream"), "Following"),
    (("/api/v1/moderation/",), "Moderation"),
    (("/api/v1/receipts/", "/api/v1/stamp"), "Posting"),
    (("/api/", "/feeds/", "/embed/"), "Reading"),
    (("/health/", "/metrics", "/openapi.json", "/docs", "/schemas/"), "Operation"),
)


class Description:
    """The document of a running service, made when somebody first asks for it."""

    def __init__(self, endpoints: Sequence[Endpoint], *, server: str) -> None:
        self._endpoints = endpoints
        self._server = server

    @cached_property
    def document(self) -> dict[str, Any]:
        """The document."""
        return document(self._endpoints, server=self._server)

    @cached_property
    def answer(self) -> Answer:
        """The document as it goes over the wire; caches keep it, and ask each time whether it still holds."""
        return Answer(orjson.dumps(self.document), _HEADERS)

    @cached_property
    def submission(self) -> Answer:
        """The JSON Schema of a comment alone, as it goes over the wire."""
        schema = orjson.dumps(submission_schema(self.document))
        return Answer(schema, _HEADERS, content_type="application/schema+json")


def submission_schema(document: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a comment that a website posts, for those who check before they post."""
    [server] = document["servers"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{server['url']}{SUBMISSION_PATH}",
        "title": "A comment as a website posts it",
        **document["components"]["schemas"]["Submission"],
    }


def document(endpoints: Sequence[Endpoint], *, server: str) -> dict[str, Any]:
    """Return the document for a table of endpoints."""
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="Moderation service",
        version=__version__,
        openapi_version="3.1.0",
        plugins=[plugin],
        servers=[{"url": server}],
        info={"summary": "Comments that moderators read before all others do", "description": _introduction()},
        tags=[{"name": name, "description": text(file)} for name, file in _TAGS.items()],
        webhooks={"change": {"post": _webhook()}},
    )
    assert plugin.converter is not None  # noqa: S101 - the plugin was just initialised
    for attributes in (_limits, _without_null):
        plugin.converter.add_attribute_function(attributes)  # type: ignore[no-untyped-call]
    spec.components.security_scheme("siteKey", {"type": "http", "scheme": "bearer", "description": _KEY})
    cookie = {"type": "apiKey", "in": "cookie", "name": session_cookie_name(server), "description": _COOKIE}
    spec.components.security_scheme("deskSession", cookie)
    spec.components.schema("WebhookEvent", schema=WebhookEvent)
    for endpoint in endpoints:
        spec.path(
            path=_PARAMETER.sub(r"{\1}", endpoint.path),
            operations={endpoint.method.lower(): _operation(endpoint)},
        )
    described = spec.to_dict()
    for key, name in plugin.converter.refs.items():
        described["components"]["schemas"][name].setdefault("description", _words_of(key[0]))
    for place, example in _examples().items():
        operation = _found(described, place)
        if operation is not None:
            _put_examples(operation, example)
    return {key: described[key] for key in _KEYS}


def text(name: str) -> str:
    """Return one of the texts of the document, in Markdown."""
    return _TEXTS.joinpath(f"{name}.md").read_text(encoding="utf-8").strip()


def tag_of(endpoint: Endpoint) -> str:
    """Return the tag of an endpoint."""
    if endpoint.path.startswith("/api/v1/comments") and endpoint.method != "GET":
        return "Posting"
    if endpoint.is_page and not endpoint.path.startswith("/docs"):
        return FOR_PEOPLE
    return next((tag for starts, tag in _TAGS_OF_PATHS if endpoint.path.startswith(starts)), FOR_PEOPLE)


def _introduction() -> str:
    """Return what there is to know of all routes, with the codes of all errors."""
    statuses = problems.statuses()
    codes = [f"| `{code}` | {statuses[code]} | {title} | {detail} |" for code, (title, detail) in PROBLEMS.items()]
    fields = [f"| `{code}` | {message} |" for code, message in FIELD_MESSAGES.items()]
    return "\n".join(
        [
            f"{text('introduction')}\n\n### Errors\n\n{text('errors')}\n",
            *("| code | status | title | detail |", "|---|---|---|---|", *codes, ""),
            *("| code of a field | message |", "|---|---|", *fields),
        ]
    )


def _webhook() -> dict[str, Any]:
    """Return what is posted to a webhook."""
    said = {
        "webhook-id": "The event's id: the same each time that it is sent.",
        "webhook-timestamp": "When it was sent, in seconds since 1970.",
        "webhook-signature": "`v1,` and the signature in base64; several of them are parted by blanks.",
    }
    return {
        "summary": "A change of a site, posted to its webhooks",
        "operationId": "webhook_change",
        "description": text("webhooks"),
        "tags": ["Following"],
        "parameters": [
            {"in": "header", "name": name, "required": True, "description": meaning, "schema": _TEXT}
            for name, meaning in said.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WebhookEvent"}}},
        },
        "responses": {
            "2XX": {"description": "Taken; it is not sent again"},
            "410": {"description": "Ends the webhook"},
            "default": {"description": "It is sent again later"},
        },
    }


def _words_of(schema: type[Any]) -> str:
    """Return what a schema's class says of itself."""
    return inspect.cleandoc(schema.__doc__ or "")


@cache
def _examples() -> dict[str, dict[str, Any]]:
    """Return what was asked and answered in a trial, by method and path; a test keeps it true."""
    found: dict[str, dict[str, Any]] = orjson.loads(_TEXTS.joinpath("examples.json").read_bytes())
    return found


def _found(document: dict[str, Any], place: str) -> dict[str, Any] | None:
    """Return the operation `METHOD path` of a document, or the webhook `webhook NAME`; None where it has none."""
    method, path = place.split(" ", 1)
    kind, method = ("webhooks", "post") if method == "webhook" else ("paths", method.lower())
    found: dict[str, Any] | None = document[kind].get(path, {}).get(method)
    return found


def _put_examples(operation: dict[str, Any], example: dict[str, Any]) -> None:
    """Put what was asked and answered into an operation."""
    for parameter in operation["parameters"]:
        if parameter["name"] in example.get("parameters", {}):
            parameter["example"] = example["parameters"][parameter["name"]]
    if "body" in example:
        operation["requestBody"]["content"]["application/json"]["example"] = example["body"]
    for status, answer in example.get("answers", {}).items():
        for media_type, content in operation["responses"][status]["content"].items():
            if ("json" in media_type) is not isinstance(answer, str):
                content["example"] = answer


def _limits(_: Any, field: Any, **__: Any) -> dict[str, Any]:
    """Publish the limits of our own fields, so that a website can check before it posts."""
    if isinstance(field, Count):
        number = ["integer", "null"] if field.allow_none else "integer"
        return {"type": number, "minimum": field.least, "maximum": field.most}
    if isinstance(field, EventId):
        return {"type": ["string", "null"] if field.allow_none else "string", "pattern": EVENT_ID}
    if isinstance(field, Id | Line | Text):
        kind = ["string", "null"] if field.allow_none else "string"
        limits: dict[str, Any] = {"type": kind, "minLength": 1} if field.required else {"type": kind}
        if isinstance(field, Line):
            limits["maxLength"] = field.limit
        if isinstance(field, Text):
            limits["description"] = f"At most {field.limit} bytes of UTF-8 after trimming."
            limits["pattern"] = TEXT_WITH_INK
        else:
            limits["pattern"] = field.pattern()
        return limits
    return {}


def _without_null(_: Any, field: Any, ret: dict[str, Any], **__: Any) -> dict[str, Any]:
    """Leave null out of what comes as text, in an address or a form: there is no such thing."""
    if isinstance(field.parent, ResponseSchema) or getattr(field.parent, "unknown", RAISE) == RAISE:
        return {}
    if ret.get("default", "") is None:
        del ret["default"]
    found: dict[str, Any] = {}
    if isinstance(ret.get("type"), list):
        found["type"] = next(kind for kind in ret["type"] if kind != "null")
    if None in ret.get("enum", ()):
        found["enum"] = [one for one in ret["enum"] if one is not None]
    return found


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "tags": [tag_of(endpoint)],
        "operationId": f"{endpoint.handler.__module__.rpartition('.')[2]}_{endpoint.handler.__name__}",
        "parameters": [*_path_parameters(endpoint.path)],
        "responses": {},
    }
    if endpoint.query is not None:
        operation["description"] = _words_of(endpoint.query)
        operation["parameters"].append({"in": "query", "schema": endpoint.query})
    if endpoint.headers is not None:
        operation["parameters"].append({"in": "header", "schema": endpoint.headers})
    content: dict[str, Any] = {}
    if endpoint.body is not None:
        content["application/json"] = {"schema": endpoint.body}
    form = endpoint.form
    if form is None and endpoint.credential is Credential.SESSION and endpoint.method == "POST":
        form = SessionForm
    if form is not None:
        content["application/x-www-form-urlencoded"] = {"schema": form}
        content["multipart/form-data"] = {"schema": {"allOf": [form, {"propertyNames": {"pattern": _FIELD_NAME}}]}}
    if content:
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.credential in _SECURITY:
        operation["security"] = _SECURITY[endpoint.credential]
    operation["responses"] = dict(_responses(endpoint))
    return operation


def _responses(endpoint: Endpoint) -> list[tuple[str, Any]]:
    described: list[tuple[str, Any]] = []
    is_page = endpoint.is_page

    def meaning(status: int) -> str:
        return endpoint.meanings.get(status, HTTPStatus(status).phrase)

    for status, schema in endpoint.answers.items():
        response: dict[str, Any] = {"description": meaning(status)}
        if schema is not None:
            response["content"] = {endpoint.media_type or "application/json": {"schema": schema}}
        elif is_page and status < HTTPStatus.MULTIPLE_CHOICES:
            response["content"] = {"text/html": {"schema": _TEXT}}
        elif endpoint.media_type is not None and status == HTTPStatus.OK:
            is_json = endpoint.media_type.endswith("json")
            response["content"] = {endpoint.media_type: {"schema": _OBJECT if is_json else _TEXT}}
        described.append((str(status), response))
    as_page: dict[str, Any] = {"text/html": {"schema": _TEXT}}
    as_json: dict[str, Any] = {"application/problem+json": {"schema": Problem}}
    for status in endpoint.problems:
        kind = as_page if is_page else as_json
        is_of_a_form = not is_page and endpoint.form is not None
        is_of_no_route = is_page and status == HTTPStatus.NOT_FOUND
        if is_of_a_form or is_of_no_route:
            kind = as_page | as_json
        described.append((str(status), {"description": meaning(status), "content": kind}))
    return described


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "in": "path",
            "name": name,
            "required": True,
            "schema": _TEXT | ({"enum": choices.split("|")} if choices else {}),
        }
        for name, choices in _PARAMETER.findall(path)
    ]
