"""The documentation page of the API: the OpenAPI document, written as HTML once and kept."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from aiohttp import web
from markdown_it import MarkdownIt
from markupsafe import Markup

from moderation_service.locales import SOURCE
from moderation_service.web.cache.answers import Answer
from moderation_service.web.context import CONTEXT, OPENAPI
from moderation_service.web.http import templates
from moderation_service.web.http.responses import send
from moderation_service.web.operations.openapi import FOR_PEOPLE, Description

_SCHEMA = "#/components/schemas/"
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_HEADERS = {
    "Cache-Control": "public, no-cache",
    "Content-Security-Policy": templates.policy(),
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
}
_BOUNDS = {
    "format": "{}",
    "minLength": "from {} characters on",
    "maxLength": "at most {} characters",
    "minimum": "from {}",
    "maximum": "to {}",
    "pattern": "as {}",
    "const": "always {}",
    "default": "default {}",
}
"""How a constraint of a schema is said; `{}` is its value."""

_LONGEST_PATTERN = 60
"""Characters of a pattern that a person may still read; the document has the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A parameter or a field: its name, type and constraints as they are shown, and its own words as HTML."""

    name: str
    kind: Markup
    bounds: str
    is_required: bool
    description: Markup
    place: str = ""
    value: str | None = None
    """What stands in a form that tries a parameter; None for one that has to be left out."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A body: its media type, its schema as a link, and an example."""

    media_type: str
    kind: Markup
    example: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What may be answered with one status."""

    status: str
    meaning: str
    contents: tuple[Content, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One route with one method."""

    anchor: str
    method: str
    path: str
    summary: str
    description: Markup
    asks_for_key: bool
    parameters: tuple[Member, ...]
    bodies: tuple[Content, ...]
    replies: tuple[Reply, ...]
    may_be_tried: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The operations under one tag."""

    anchor: str
    title: str
    description: Markup
    operations: tuple[Operation, ...]
    is_brief: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A schema with its fields."""

    anchor: str
    name: str
    description: Markup
    members: tuple[Member, ...]


async def show(request: web.Request) -> web.Response:
    """Return the page."""
    context = request.app[CONTEXT]
    return await send(request, _page(request.app[OPENAPI], context.settings.root), context.clock)


async def submission(request: web.Request) -> web.Response:
    """Return the JSON Schema of a comment."""
    return await send(request, request.app[OPENAPI].submission, request.app[CONTEXT].clock)


@lru_cache(maxsize=1)
def _page(description: Description, root: str) -> Answer:
    text = templates.render(root, "documentation.html", SOURCE, page_of(description.document))
    return Answer(text.encode(), _HEADERS, content_type="text/html; charset=utf-8")


def page_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template shows of a document."""
    sections = tuple(_sections(document))
    shown = set(_schemas_of(document, [one for one in sections if not one.is_brief]))
    schemas = document["components"]["schemas"]
    return {
        "info": document["info"],
        "server": document["servers"][0]["url"],
        "introduction": _html(document["info"]["description"]),
        "sections": sections,
        "webhooks": tuple(_operation(name, "post", one["post"]) for name, one in document["webhooks"].items()),
        "shapes": tuple(_shape(name, schemas[name]) for name in schemas if name in shown),
    }


def _sections(document: Mapping[str, Any]) -> Iterator[Section]:
    for tag in document["tags"]:
        operations = tuple(
            _operation(path, method, one)
            for path, methods in document["paths"].items()
            for method, one in methods.items()
            if tag["name"] in one["tags"] and method != "options"
        )
        yield Section(
            anchor=tag["name"].lower().replace(" ", "-"),
            title=tag["name"],
            description=_html(tag["description"]),
            operations=operations,
            is_brief=tag["name"] == FOR_PEOPLE,
        )


def _operation(path: str, method: str, described: Mapping[str, Any]) -> Operation:
    parameters = tuple(_parameter(one) for one in described["parameters"])
    replies = tuple(_reply(status, one) for status, one in described["responses"].items())
    return Operation(
        anchor=described["operationId"],
        method=method.upper(),
        path=path,
        summary=described["summary"],
        description=_html(described.get("description", "")),
        asks_for_key="security" in described,
        parameters=parameters,
        bodies=tuple(_contents(described.get("requestBody", {}))),
        replies=replies,
        may_be_tried=_may_be_tried(method, path, described),
    )


def _may_be_tried(method: str, path: str, described: Mapping[str, Any]) -> bool:
    """Tell whether a plain form can ask for it: a question without a key that is answered in JSON or as a feed."""
    kinds = described["responses"].get("200", {}).get("content", {})
    is_plain = "{" not in path and "security" not in described
    return method == "get" and is_plain and any("json" in one or "xml" in one for one in kinds)


def _parameter(described: Mapping[str, Any]) -> Member:
    schema = described["schema"]
    choices = tuple(str(one) for one in schema.get("enum", ()) if one is not None)
    default = schema.get("default")
    is_query = described["in"] == "query"
    is_text = "string" in _types(schema) or schema.get("type") == "array"
    return Member(
        name=described["name"],
        kind=_kind(schema),
        bounds=_bounds(schema),
        is_required=described.get("required", False),
        description=_html(described.get("description", "")),
        place=described["in"],
        value=_tried(default, is_text=is_text and not choices) if is_query else None,
        choices=choices,
    )


def _tried(default: object, *, is_text: bool) -> str | None:
    """Return what a form begins with: the default; nothing where a text may be left empty; else None."""
    if default is not None:
        return str(default)
    return "" if is_text else None


def _reply(status: str, described: Mapping[str, Any]) -> Reply:
    return Reply(status=status, meaning=described["description"], contents=tuple(_contents(described)))


def _contents(described: Mapping[str, Any]) -> Iterator[Content]:
    for media_type, content in described.get("content", {}).items():
        example = content.get("example")
        yield Content(
            media_type=media_type,
            kind=_kind(content["schema"]),
            example=example if isinstance(example, str) or example is None else _as_json(example),
        )


def _as_json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _shape(name: str, schema: Mapping[str, Any]) -> Shape:
    required = schema.get("required", ())
    return Shape(
        anchor=_anchor(name),
        name=name,
        description=_html(schema.get("description", "")),
        members=tuple(
            Member(
                name=field,
                kind=_kind(one),
                bounds=_bounds(one),
                is_required=field in required,
                description=_html(one.get("description", "")),
            )
            for field, one in schema.get("properties", {}).items()
        ),
    )


def _schemas_of(document: Mapping[str, Any], sections: Sequence[Section]) -> Iterator[str]:
    """Find the schemas that are linked to, from operations that are shown and from each other."""
    shown = {one.anchor for section in sections for one in section.operations}
    methods = [one for methods in document["paths"].values() for one in methods.values()]
    todo = _references([*document["webhooks"].values(), *(one for one in methods if one["operationId"] in shown)])
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += _references(document["components"]["schemas"][name])
            yield name


def _references(value: object) -> list[str]:
    return re.findall(rf'"\$ref":"{_SCHEMA}(\w+)"', orjson.dumps(value).decode())


def _types(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type", [])
    return kind if isinstance(kind, list) else [kind]


def _kind(schema: Mapping[str, Any]) -> Markup:
    """Say what type a value has, with links to schemas."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_SCHEMA)
        return Markup('<a href="#{}">{}</a>').format(_anchor(name), name)
    if "anyOf" in schema:
        return Markup(" or ").join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return Markup(", ").join(Markup("<code>{}</code>").format(_written(one)) for one in schema["enum"])
    if schema.get("type") == "array":
        return Markup("list of {}").format(_kind(schema["items"]))
    if schema.get("type") == "object" and "additionalProperties" in schema and "properties" not in schema:
        inner = schema["additionalProperties"]
        return Markup("object with values of {}").format(_kind(inner if isinstance(inner, dict) else {}))
    return Markup(" or ").join(Markup(one) for one in _types(schema)) or Markup("any value")  # noqa: S704


def _bounds(schema: Mapping[str, Any]) -> str:
    said = [
        text.format(_written(schema[name]))
        for name, text in _BOUNDS.items()
        if name in schema and not (name == "default" and schema[name] in (None, ""))
        if name != "pattern" or len(schema[name]) <= _LONGEST_PATTERN
    ]
    return ", ".join(said)


def _written(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _anchor(name: str) -> str:
    return f"schema-{name}"


def _html(text: str) -> Markup:
    """Render text of ours; nothing in it comes from outside."""
    return Markup(_MARKDOWN.render(text))  # noqa: S704
