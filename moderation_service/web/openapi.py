"""OpenAPI 3.1 of the route table and its schemas."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from moderation_service import __version__
from moderation_service.web.endpoints import Credential, Endpoint
from schemas.base import Count, Id, Line, Text
from schemas.problems import Problem

_PARAMETER = re.compile(r"{(\w+)(?::([^}]+))?}")
_TEXT = {"type": "string"}


def document(endpoints: Sequence[Endpoint], *, server: str) -> dict[str, Any]:
    """Return the document for a table of endpoints."""
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="Moderation service",
        version=__version__,
        openapi_version="3.1.0",
        plugins=[plugin],
        servers=[{"url": server}],
    )
    assert plugin.converter is not None  # noqa: S101 - the plugin was just initialised
    plugin.converter.add_attribute_function(_limits)  # type: ignore[no-untyped-call]
    spec.components.security_scheme("siteKey", {"type": "http", "scheme": "bearer"})
    for endpoint in endpoints:
        spec.path(
            path=_PARAMETER.sub(r"{\1}", endpoint.path),
            operations={endpoint.method.lower(): _operation(endpoint)},
        )
    return spec.to_dict()


def _limits(_: Any, field: Any, **__: Any) -> dict[str, Any]:
    """Publish the limits of our own fields, so that a website can check before it posts."""
    if isinstance(field, Count):
        return {"type": "integer", "minimum": field.least, "maximum": field.most}
    if isinstance(field, Id | Line | Text):
        kind = ["string", "null"] if field.allow_none else "string"
        limits: dict[str, Any] = {"type": kind, "minLength": 1} if field.required else {"type": kind}
        if isinstance(field, Line):
            limits["maxLength"] = field.limit
        if isinstance(field, Text):
            limits["description"] = f"At most {field.limit} bytes of UTF-8 after trimming."
        return limits
    return {}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.handler.__module__.rpartition('.')[2]}_{endpoint.handler.__name__}",
        "parameters": [*_path_parameters(endpoint.path)],
        "responses": {},
    }
    if endpoint.query is not None:
        operation["parameters"].append({"in": "query", "schema": endpoint.query})
    content: dict[str, Any] = {}
    if endpoint.body is not None:
        content["application/json"] = {"schema": endpoint.body}
    if endpoint.form is not None:
        content["application/x-www-form-urlencoded"] = {"schema": endpoint.form}
        content["multipart/form-data"] = {"schema": endpoint.form}
    if content:
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.credential is Credential.SITE_KEY:
        operation["security"] = [{"siteKey": []}]
    operation["responses"] = dict(_responses(endpoint.answers, endpoint.problems, is_page=endpoint.is_page))
    return operation


def _responses(
    answers: Mapping[int, type[Schema] | None], problems: Sequence[int], *, is_page: bool
) -> list[tuple[str, Any]]:
    described: list[tuple[str, Any]] = []
    for status, schema in answers.items():
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if schema is not None:
            response["content"] = {"application/json": {"schema": schema}}
        elif is_page and status < HTTPStatus.MULTIPLE_CHOICES:
            response["content"] = {"text/html": {"schema": _TEXT}}
        described.append((str(status), response))
    for status in problems:
        kind = {"text/html": {"schema": _TEXT}} if is_page else {"application/problem+json": {"schema": Problem}}
        described.append((str(status), {"description": HTTPStatus(status).phrase, "content": kind}))
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
