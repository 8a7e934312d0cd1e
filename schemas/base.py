"""What all schemas share: strict requests, open answers, and text fields that name their fault by a code."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters other than tab and line feed, C1 among them."""
_NUMBER = re.compile(r"-?[0-9]+", re.ASCII)
_DIGITS = 5
"""Of the number in a cursor."""
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_UNSEEN = frozenset({"Cf", "Zl", "Zp", "Zs"})
_FILLERS = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0") | frozenset(map(chr, range(0xFE00, 0xFE10)))
"""Letters and marks by their category that take no ink: fillers of Hangul and Braille, variation selectors."""


_BLANKS = r"\t\n\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CONTROL = r"\u0000-\u001f\u007f-\u009f"
_NO_INK = (
    r"\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u2064\u2066-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
)
_SOLID = rf"[^{_BLANKS}{_CONTROL}]"
_INSIDE = rf"[^\u2028\u2029{_CONTROL}]"
_INK = rf"[^{_BLANKS}{_CONTROL}{_NO_INK}]"
_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\uffff-]+"
_LABEL = r"[A-Za-z0-9\u00a1-\uffff](?:[A-Za-z0-9\u00a1-\uffff-]*[A-Za-z0-9\u00a1-\uffff])?"
_ADDRESS = rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?:[A-Za-z\u00a1-\uffff]{{2,}}|[Xx][Nn]--[A-Za-z0-9-]+)"
_IPV6 = r"\[(?:(?:{0}:){{7}}{0}|(?:{0}(?::{0}){{0,2}})?::(?:{0}(?::{0}){{0,2}})?)\]".format("[0-9A-Fa-f]{1,4}")

LINE = rf"^[{_BLANKS}]*(?:{_SOLID}(?:{_INSIDE}*{_SOLID})?)?[{_BLANKS}]*$"
"""What a line looks like, in the regular expressions of JSON Schema; blanks around it are taken off."""
LINE_WITH_INK = rf"^[{_BLANKS}]*(?:[{_NO_INK}][{_NO_INK} ]*)?{_INK}(?:{_INSIDE}*{_SOLID})?[{_BLANKS}]*$"
"""The same of a line that must not be empty."""
TEXT_WITH_INK = _INK
"""What a text must have that must not be empty."""


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
    first = text[:1]
    if first.isascii() and first.isalnum():
        return False
    return all(one in _FILLERS or one.isspace() or unicodedata.category(one) in _UNSEEN for one in text)


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

    def pattern(self) -> str:
        """Return a regular expression of JSON Schema that every line matches which passes."""
        return LINE_WITH_INK if self.required else LINE


class Email(Line):
    """An e-mail address by its form; whether it can be one is looked at by whoever takes it."""

    def __init__(self, *, may_be_local: bool = False, **options: Any) -> None:
        """Take whether an address without a public domain is one."""
        self.may_be_local = may_be_local
        super().__init__(**options)

    def pattern(self) -> str:
        """Return the form of addresses."""
        form = rf"[^@{_BLANKS}{_CONTROL}]+@[^@{_BLANKS}{_CONTROL}]+" if self.may_be_local else _ADDRESS
        return _whole(form, may_be_empty=not self.required)


class HttpUrl(Line):
    """An absolute http or https URL with a host, and without credentials, blanks or backslashes."""

    def pattern(self) -> str:
        """Return the form of URLs."""
        host = rf"(?:{_IPV6}|[^{_BLANKS}{_CONTROL}\\/?#@%:\[\]]+)(?::[0-9]{{0,5}})?"
        rest = rf"(?:[/?#][^{_BLANKS}{_CONTROL}\\]*)?"
        return _whole(rf"[Hh][Tt][Tt][Pp][Ss]?://{host}{rest}", may_be_empty=not self.required)

    def check(self, text: str) -> None:
        """Refuse what a browser could read as another address than it seems."""
        if not is_http_url(text):
            raise ValidationError(Fault("invalid_url"))


def _whole(pattern: str, *, may_be_empty: bool) -> str:
    """Return a pattern of a whole line, between blanks."""
    return rf"^[{_BLANKS}]*(?:{pattern}){'?' if may_be_empty else ''}[{_BLANKS}]*$"


def is_http_url(text: str) -> bool:
    """Tell whether a text is an absolute http(s) URL that every parser reads alike."""
    if "\\" in text or text.split(maxsplit=1) != [text]:
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    authority_is_plain = "@" not in parts.netloc and "%" not in parts.netloc
    return parts.scheme in ("http", "https") and bool(parts.hostname) and authority_is_plain and port != 0


class Opaque(fields.String):
    """A text that only this service reads, as it gave it."""

    default_error_messages = _CODES


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
        if not self.is_valid(text):
            raise ValidationError(Fault(self.code))
        return text

    def is_valid(self, text: str) -> bool:
        """Tell whether a text in lower case is one."""
        return is_id(text)

    def pattern(self) -> str:
        """Return a regular expression of JSON Schema that every id matches which passes."""
        return _whole(_UUID, may_be_empty=not self.required)


class Cursor(Id):
    """Where a list goes on, as an earlier answer said it: an id, or a number, a dot and an id."""

    def __init__(self, **options: Any) -> None:
        """Take options of any field."""
        super().__init__(code="invalid_cursor", **options)

    def is_valid(self, text: str) -> bool:
        """Tell whether a text in lower case is one."""
        number, dot, comment_id = text.rpartition(".")
        is_number = number.isascii() and number.isdecimal() and len(number) <= _DIGITS
        return is_id(comment_id) and (is_number or not dot)

    def pattern(self) -> str:
        """Return the form of both."""
        return _whole(rf"(?:[0-9]{{1,{_DIGITS}}}\.)?{_UUID}", may_be_empty=not self.required)


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


class Moment(fields.AwareDateTime):
    """A time that a program sends: RFC 3339 with a time zone."""

    default_error_messages = _CODES | {
        "invalid": "wrong_type",
        "invalid_awareness": "wrong_type",
        "format": "wrong_type",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **options).astimezone(UTC)
        except OverflowError as error:
            raise self.make_error("invalid") from error


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
        is_number = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        is_spelled = isinstance(self.parent, QuerySchema) and isinstance(value, str) and _NUMBER.fullmatch(value)
        if not is_number and not is_spelled:
            raise self.make_error("invalid", input=value)
        number = super()._validated(value)
        if not self.least <= number <= self.most:
            raise ValidationError(Fault("out_of_range", self.most))
        return number


class Switch(fields.Boolean):
    """True or false as JSON spells it, and nothing that may stand for one of them."""

    default_error_messages = {"invalid": "wrong_type", "required": "required", "null": "wrong_type"}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **options)


class Tick(Switch):
    """The same in a form: a box that is ticked, or left out."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> Any:
        ticked = not isinstance(value, str) or value.strip().lower() not in ("", "0", "false", "no", "off")
        return super()._deserialize(ticked, attr, data, **options)


class Choice(fields.Enum[Any]):
    """One of the values of an enumeration."""

    default_error_messages = {"unknown": "invalid_choice", "required": "required", "null": "required"}  # noqa: RUF012


class Entries(fields.List[Any]):
    """A list that must be there, of `most` entries: too many are refused before any of them is looked at.

    A request has room for ninety thousand.
    """

    default_error_messages = {"required": "required", "null": "required", "invalid": "wrong_type"}  # noqa: RUF012

    def __init__(self, entry: fields.Field[Any], *, most: int, least: int | None = None) -> None:
        limits = {"maxItems": most} if least is None else {"minItems": least, "maxItems": most}
        super().__init__(entry, required=True, metadata=limits)
        self._most = most

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> list[Any]:
        if isinstance(value, list) and len(value) > self._most:
            raise ValidationError(Fault("too_many", self._most))
        return super()._deserialize(value, attr, data, **options)
