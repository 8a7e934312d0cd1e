"""The sites file: which sites there are and who moderates them."""

import re
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import ValidationError, fields, validate, validates_schema

from schemas.base import HttpUrl, Line, Messages, RequestSchema

_NAME: Messages = {"required": "is missing", "null": "is missing", "invalid": "must be text"}
_LIST: Messages = {"required": "is missing", "null": "is missing", "invalid": "must be a list"}
_API_KEY = re.compile(r"sha256:[0-9a-f]{64}")


def _is_id(value: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value):
        raise ValidationError("must be 1 to 64 of a-z, 0-9, - and _")


def _is_origin(value: str) -> None:
    parts = urlsplit(value)
    if parts.path or parts.query or parts.fragment or "?" in value or "#" in value:
        raise ValidationError("must be scheme and host only, like https://www.example.org")


_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{2}|-[0-9]{3})?")


def is_language(value: str) -> bool:
    """Tell whether a text has the form of a language tag, with a region or without."""
    return _LANGUAGE.fullmatch(value) is not None


def _is_language(value: str) -> None:
    if not is_language(value):
        raise ValidationError("must be a language like it or en, or a regional form like de-AT")


def _is_timezone(value: str) -> None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError("is no known time zone; an example is Europe/Rome") from error


def _is_api_key(value: str) -> None:
    if not _API_KEY.fullmatch(value):
        raise ValidationError("must be sha256: and 64 hexadecimal digits")


def _is_path(value: str) -> None:
    if not value.startswith("/"):
        raise ValidationError("must begin with /")


def _ids(entries: Any) -> list[str]:
    """Return the ids of those entries that have a good one."""
    found = entries if isinstance(entries, list) else []
    return [entry["id"] for entry in found if isinstance(entry, dict) and isinstance(entry.get("id"), str)]


def _not_empty(what: str) -> validate.Length:
    return validate.Length(min=1, error=f"needs at least one {what}")


class _Line(Line):
    default_error_messages = _NAME


class _Origin(HttpUrl):
    default_error_messages = _NAME


class ModeratorEntry(RequestSchema):
    """A person who decides on a site's comments below some paths."""

    error_messages = {"unknown": "is no known setting", "type": "must be a table"}  # noqa: RUF012

    id = _Line(required=True, limit=64, validate=_is_id)
    name = _Line(required=True, limit=200)
    email = _Line(required=True, limit=254)
    language = _Line(limit=7, validate=_is_language, load_default=None)
    timezone = _Line(limit=64, validate=_is_timezone, load_default=None)
    paths = fields.List(
        _Line(required=True, limit=2_000, validate=_is_path),
        load_default=lambda: ["/"],
        validate=_not_empty("path"),
        error_messages=_LIST,
    )


def _is_network(value: str) -> None:
    try:
        ip_network(value)
    except ValueError as error:
        raise ValidationError("is no network; an example is 192.0.2.0/24") from error


class _Number(fields.Integer):
    """A whole number, written as one."""

    default_error_messages = {"invalid": "must be a whole number", "null": "is missing"}  # noqa: RUF012

    def __init__(self, *, most: int, **options: Any) -> None:
        """Take the highest number that passes; the lowest is 1."""
        error = f"must be from 1 to {most:,}"
        super().__init__(strict=True, validate=validate.Range(1, most, error=error), **options)

    def _validated(self, value: Any) -> Any:
        if isinstance(value, bool):
            raise self.make_error("invalid")
        return super()._validated(value)


class ScreeningEntry(RequestSchema):
    """How much a site takes: from one client network within a window, and waiting for decisions in all."""

    error_messages = {"unknown": "is no known setting", "type": "must be a table"}  # noqa: RUF012

    posts_per_network = _Number(most=1_000_000, load_default=20)
    window_minutes = _Number(most=1_440, load_default=10)
    exempt_networks = fields.List(
        _Line(required=True, limit=64, validate=_is_network), load_default=list, error_messages=_LIST
    )
    waiting_at_most = _Number(most=100_000_000, load_default=1_000_000)


class SiteEntry(RequestSchema):
    """A site: the origins whose pages belong to it, and its moderators."""

    error_messages = {"unknown": "is no known setting", "type": "must be a table"}  # noqa: RUF012

    id = _Line(required=True, limit=64, validate=_is_id)
    name = _Line(required=True, limit=200)
    origins = fields.List(
        _Origin(required=True, limit=300, validate=_is_origin),
        required=True,
        validate=_not_empty("origin"),
        error_messages=_LIST,
    )
    language = _Line(limit=7, validate=_is_language, load_default="en")
    timezone = _Line(limit=64, validate=_is_timezone, load_default="UTC")
    api_keys = fields.List(
        _Line(required=True, limit=80, validate=_is_api_key), load_default=list, error_messages=_LIST
    )
    reply_to = _Line(limit=254, load_default=None)
    moderator = fields.List(
        fields.Nested(ModeratorEntry),
        required=True,
        validate=_not_empty("moderator"),
        error_messages=_LIST | {"required": "needs at least one [[site.moderator]]"},
    )
    screening = fields.Nested(ScreeningEntry, load_default=lambda: ScreeningEntry().load({}))

    @validates_schema(skip_on_field_errors=False)
    def _moderators_differ(self, data: dict[str, Any], **_: Any) -> None:
        ids = _ids(data.get("moderator"))
        for twice in sorted({one for one in ids if ids.count(one) > 1}):
            raise ValidationError({"moderator": [f"{twice!r} is listed twice"]})


class SitesFile(RequestSchema):
    """The whole file: `[[site]]` tables."""

    error_messages = {"unknown": "is no known setting", "type": "must be a table"}  # noqa: RUF012

    site = fields.List(
        fields.Nested(SiteEntry),
        required=True,
        validate=_not_empty("[[site]]"),
        error_messages=_LIST | {"required": "needs at least one [[site]]"},
    )

    @validates_schema(skip_on_field_errors=False)
    def _sites_differ(self, data: dict[str, Any], **_: Any) -> None:
        ids = _ids(data.get("site"))
        twice = [f"id {one!r} is listed twice" for one in sorted(set(ids)) if ids.count(one) > 1]
        if twice:
            raise ValidationError({"site": twice})
