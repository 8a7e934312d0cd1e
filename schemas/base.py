"""What all schemas share: strict requests, open answers, and text fields that name their fault by a code."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters other than tab and line feed, C1 among them."""
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_UNSEEN = frozenset({"Cf", "Zl", "Zp", "Zs"})
_FILLERS = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0") | frozenset(map(chr, range(0xFE00, 0xFE10)))
"""Letters and marks by their category that take no ink: fillers of Hangul and Braille, variation selectors."""


class Fault(str):
    """A field code, with the limit that was passed where there is one."""

    __slots__ = ("limit",)
    limit: int | None

    def __new__(cls, code: str, limit: int | None = None) -> Self:
        """Make the code a string that marshmallow carries along."""
        fault = super().__new__(cls, code)
        fault.limit = limit
        return fault


class RequestSchema(Schema):
    """What a program sends: an unknown field is a mistake worth hearing of."""

    error_messages = {"unknown": "unknown_field", "type": "wrong_type"}  # noqa: RUF012 - marshmallow's own form

    class Meta:
        """Unknown fields are refused."""

        unknown = RAISE


class ResponseSchema(Schema):
    """What a program receives: answers may grow new fields."""

    class Meta:
        """Unknown fields are passed over."""

        unknown = EXCLUDE


Messages = dict[str, str | list[Any] | dict[Any, Any]]
"""The type that marshmallow wants for error messages."""

_CODES: Messages = {
    "required": "required",
    "null": "required",
    "invalid": "wrong_type",
    "validator_failed": "wrong_type",
}


def is_printable(text: str) -> bool:
    """Tell whether a line holds no control character, line separator or lone surrogate."""
    return text.isprintable() or not any(unicodedata.category(character) in _UNPRINTABLE for character in text)


def is_blank(text: str) -> bool:
    """Tell whether nothing of a text can be seen, as of one zero-width space."""
    return all(one in _FILLERS or unicodedata.category(one) in _UNSEEN for one in text)


class Line(fields.Field[str | None]):
    """One line of text, trimmed, of at most `limit` characters and without control characters."""

    default_error_messages = _CODES

    def __init__(self, *, limit: int, **options: Any) -> None:
        """Take the longest length that passes, in characters after trimming."""
        self.limit = limit
        super().__init__(**options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> str | None:
        del attr, data, options
        if not isinstance(value, str):
            raise self.make_error("invalid")
        text = value.strip()
        if len(text) > self.limit:
            raise ValidationError(Fault("too_long", self.limit))
        if not is_printable(text) or (len(text) < len(value) and _CONTROLS.search(value.replace("\r", ""))):
            raise ValidationError(Fault("control_character"))
        if is_blank(text):
            if self.required:
                raise self.make_error("required")
            return None
        self.check(text)
        return text

    def check(self, text: str) -> None:
        """Refuse what the kind of line refuses, by raising ValidationError."""


class HttpUrl(Line):
    """An absolute http or https URL with a host, and without credentials, blanks or backslashes."""

    def check(self, text: str) -> None:
        """Refuse what a browser could read as another address than it seems."""
        if not is_http_url(text):
            raise ValidationError(Fault("invalid_url"))


def is_http_url(text: str) -> bool:
    """Tell whether a text is an absolute http(s) URL that every parser reads alike."""
    if "\\" in text or any(character.isspace() for character in text):
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    authority_is_plain = "@" not in parts.netloc and "%" not in parts.netloc
    return parts.scheme in ("http", "https") and bool(parts.hostname) and authority_is_plain and port != 0


class Text(fields.Field[str]):
    """Text of several lines, trimmed, of at most `limit` bytes of UTF-8; line ends become a line feed.

    Other control characters than tab and line feed are taken out: they show nothing, and break feeds.
    """

    default_error_messages = _CODES

    def __init__(self, *, limit: int, **options: Any) -> None:
        """Take the longest length that passes, in bytes after trimming."""
        self.limit = limit
        super().__init__(**options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> str:
        del attr, data, options
        if not isinstance(value, str):
            raise self.make_error("invalid")
        text = _CONTROLS.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
        if is_blank(text):
            raise self.make_error("required")
        try:
            length = len(text.encode())
        except UnicodeEncodeError as error:
            raise ValidationError(Fault("control_character")) from error
        if length > self.limit:
            raise ValidationError(Fault("too_long", self.limit))
        return text


class Id(fields.Field[str | None]):
    """A UUID in its canonical text form; what is none is rejected with `code`."""

    default_error_messages = _CODES

    def __init__(self, *, code: str = "invalid_id", **options: Any) -> None:
        """Take the code for what is no UUID."""
        self.code = code
        super().__init__(**options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> str | None:
        del attr, data, options
        if not isinstance(value, str):
            raise self.make_error("invalid")
        text = value.strip().lower()
        if not text and not self.required:
            return None
        if not is_id(text):
            raise ValidationError(Fault(self.code))
        return text


def is_id(text: str) -> bool:
    """Tell whether a text is a UUID in lower case with its hyphens."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


class Timestamp(fields.AwareDateTime):
    """RFC 3339 in UTC with microseconds and a `Z`."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **options: Any) -> Any:
        text = super()._serialize(value, attr, obj, **options)
        return text.replace("+00:00", "Z") if isinstance(text, str) else text


class QuerySchema(Schema):
    """Parameters of a URL; unknown ones are passed over, as links collect them on their way."""

    class Meta:
        """Unknown parameters are passed over."""

        unknown = EXCLUDE


class Count(fields.Integer):
    """A whole number from `least` to `most`."""

    default_error_messages = {"invalid": "wrong_type", "required": "required", "null": "required"}  # noqa: RUF012

    def __init__(self, *, most: int, least: int = 1, **options: Any) -> None:
        """Take the highest and lowest number that pass."""
        self.most = most
        self.least = least
        super().__init__(**options)

    def _validated(self, value: Any) -> Any:
        number = super()._validated(value)
        if not self.least <= number <= self.most:
            raise ValidationError(Fault("out_of_range", self.most))
        return number


class Choice(fields.Enum[Any]):
    """One of the values of an enumeration."""

    default_error_messages = {"unknown": "invalid_choice", "required": "required", "null": "required"}  # noqa: RUF012
