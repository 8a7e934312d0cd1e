"""The sites file: which sites there are and who moderates them."""

import base64
import binascii
import re
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema

from schemas.base import HttpUrl, Line, Messages, RequestSchema
from schemas.changes import ChangeType

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
        raise ValidationError("must be en, de, es, fr or it, or a regional form such as de-AT")


def _is_timezone(value: str) -> None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError("is not a known time zone; an example is Europe/Rome") from error


def _is_api_key(value: str) -> None:
    if not _API_KEY.fullmatch(value):
        raise ValidationError("must be sha256: and 64 hexadecimal digits")


def _is_path(value: str) -> None:
    if not value.startswith("/"):
        raise ValidationError("must begin with /")


def _ids(entries: Any, name: str = "id") -> list[str]:
    """Return the ids of those entries that have a good one, which stands under `name`."""
    found = entries if isinstance(entries, list) else []
    return [entry[name] for entry in found if isinstance(entry, dict) and isinstance(entry.get(name), str)]


def _not_empty(what: str) -> validate.Length:
    return validate.Length(min=1, error=f"needs at least one {what}")


class _Line(Line):
    default_error_messages = _NAME


class _Origin(HttpUrl):
    default_error_messages = _NAME


class ModeratorEntry(RequestSchema):
    """A person who decides on a site's comments below some paths."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

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
    push = fields.List(
        _Line(required=True, limit=4_000),
        load_default=list,
        validate=validate.Length(max=10, error="must be no more than 10 of them"),
        error_messages=_LIST,
    )
    push_file = _Line(limit=4_000, load_default=None)

    @validates_schema(skip_on_field_errors=True)
    def _has_one_source_of_push(self, data: dict[str, Any], **_: Any) -> None:
        if data["push"] and data["push_file"]:
            raise ValidationError({"push": ["stands beside push_file; choose one of them"]})


def _is_network(value: str) -> None:
    try:
        ip_network(value)
    except ValueError as error:
        raise ValidationError("is not a network; an example is 192.0.2.0/24") from error


def _is_presence(value: str) -> None:
    if value not in ("required", "optional", "hidden"):
        raise ValidationError("must be required, optional or hidden")


class _Number(fields.Integer):
    """A whole number, written as one."""

    default_error_messages = {"invalid": "must be a whole number", "null": "is missing"}  # noqa: RUF012

    def __init__(self, *, most: int, least: int = 1, **options: Any) -> None:
        """Take the lowest and the highest number that pass."""
        error = f"must be from {least} to {most:,}"
        super().__init__(strict=True, validate=validate.Range(least, most, error=error), **options)

    def _validated(self, value: Any) -> Any:
        if isinstance(value, bool):
            raise self.make_error("invalid")
        return super()._validated(value)


class FieldsEntry(RequestSchema):
    """What the site's forms ask for beside name and comment."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

    author_email = _Line(limit=8, validate=_is_presence, load_default="required")
    author_url = _Line(limit=8, validate=_is_presence, load_default="optional")


def _is_post_number(value: str) -> None:
    if not re.fullmatch(r"[0-9]{1,20}", value):
        raise ValidationError('must be the number of a WordPress page, such as "2"')


class _Choice(_Line):
    """One of some words."""

    def __init__(self, *words: str, **options: Any) -> None:
        listed = ", ".join(words[:-1])
        among = validate.OneOf(words, error=f"must be {listed} or {words[-1]}")
        super().__init__(limit=20, validate=among, **options)


class _Switch(fields.Boolean):
    """True or false, and nothing that stands for them."""

    default_error_messages = {"invalid": "must be true or false", "null": "is missing"}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


def _either(data: dict[str, Any], name: str, *, needed_for: str | None) -> None:
    """Refuse a secret that stands here and in a file, and a missing one that is `needed_for` something."""
    in_file = f"{name}_file"
    if data[name] and data[in_file]:
        raise ValidationError({name: [f"stands beside {in_file}; choose one of them"]})
    if needed_for is not None and not data[name] and not data[in_file]:
        raise ValidationError({name: [f"is missing, or {in_file}: {needed_for}"]})


class AkismetEntry(RequestSchema):
    """A service that speaks Akismet's protocol."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

    endpoint = _Origin(limit=2_000, load_default="https://rest.akismet.com/1.1/")
    key = _Line(limit=200, load_default=None)
    key_file = _Line(limit=4_000, load_default=None)

    @validates_schema(skip_on_field_errors=True)
    def _check_key(self, data: dict[str, Any], **_: Any) -> None:
        _either(data, "key", needed_for="the service knows the site by it")


class HookEntry(RequestSchema):
    """A program of the owner's, or a language model, that is asked about comments."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

    url = _Origin(required=True, limit=2_000)
    kind = _Choice("signed", "openai", load_default="signed")
    secret = _Line(limit=200, load_default=None)
    secret_file = _Line(limit=4_000, load_default=None)
    model = _Line(limit=200, load_default=None)

    @validates_schema(skip_on_field_errors=True)
    def _check_kind(self, data: dict[str, Any], **_: Any) -> None:
        is_signed = data["kind"] == "signed"
        _either(data, "secret", needed_for="what is asked is signed by it" if is_signed else None)
        if not is_signed and not data["model"]:
            raise ValidationError({"model": ["is missing: it names the model that is asked"]})


class ScreeningEntry(RequestSchema):
    """What a site's comments are held against before a moderator looks."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

    posts_per_network = _Number(most=1_000_000, load_default=20)
    window_minutes = _Number(most=1_440, load_default=10)
    exempt_networks = fields.List(
        _Line(required=True, limit=64, validate=_is_network), load_default=list, error_messages=_LIST
    )
    posts_per_page = _Number(most=1_000_000, load_default=200)
    posts_per_site = _Number(most=1_000_000, load_default=1_000)
    learned = _Switch(load_default=True)
    form_stamp = _Switch(load_default=True)
    proof_of_work = _Choice("off", "suspicious", "always", load_default="suspicious")
    publish_proved_after = _Number(least=0, most=1_000_000, load_default=0)
    akismet = fields.Nested(AkismetEntry, load_default=None)
    hook = fields.Nested(HookEntry, load_default=None)
    waiting_at_most = _Number(most=100_000_000, load_default=1_000_000)


class RetentionEntry(RequestSchema):
    """How long a site keeps what it no longer needs."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

    rejected_days = _Number(least=0, most=36_500, load_default=30)
    spam_days = _Number(least=0, most=36_500, load_default=30)
    network_hash_days = _Number(least=0, most=3_650, load_default=30)
    address_days = _Number(least=0, most=36_500, load_default=90)
    delivery_days = _Number(least=1, most=36_500, load_default=30)
    block_days = _Number(least=0, most=36_500, load_default=365)
    report_days = _Number(least=0, most=36_500, load_default=365)


def _is_file_name(value: str) -> None:
    if not re.fullmatch(r"[^/\\?#%]+", value) or value in (".", ".."):
        raise ValidationError("must be a file's name alone, like index.html")


def _is_parameter(value: str) -> None:
    if not value or re.search(r"[=&#]", value):
        raise ValidationError("must be a parameter's name alone, without = and &")


def _is_kept_parameter(value: str) -> None:
    _is_parameter(value)
    if value == "*":
        raise ValidationError("cannot be *, which stands in ignore_parameters only")


def _parameters(check: Any) -> "fields.List[Any]":
    return fields.List(_Line(required=True, limit=100, validate=check), load_default=list, error_messages=_LIST)


class _Texts(fields.List[Any]):
    """One text, or a list of several of which one is enough."""

    def __init__(self, *, limit: int, most: int = 1_000, **options: Any) -> None:
        """Take the longest length of a text, and how many there may be."""
        length = validate.Length(min=1, max=most, error=f"must be from 1 to {most:,} of them")
        invalid: Messages = {"invalid": "must be text or a list of texts", "null": "is missing"}
        inner = _Line(required=True, limit=limit, validate=options.pop("validate", None))
        super().__init__(inner, validate=length, load_default=list, error_messages=invalid, **options)

    def _deserialize(self, value: Any, *arguments: Any, **options: Any) -> list[Any]:
        if not isinstance(value, str):
            return super()._deserialize(value, *arguments, **options)
        try:
            return super()._deserialize([value], *arguments, **options)
        except ValidationError as error:
            messages: Any = error.messages
            raise ValidationError(messages[0]) from error


class _Share(fields.Float):
    """A number from 0 to 1."""

    default_error_messages = {"invalid": "must be a number from 0 to 1", "null": "is missing"}  # noqa: RUF012

    def __init__(self, **options: Any) -> None:
        """Take nothing outside."""
        super().__init__(validate=validate.Range(0, 1, error="must be a number from 0 to 1"), **options)

    def _validated(self, value: Any) -> Any:
        if isinstance(value, bool | str):
            raise self.make_error("invalid")
        return super()._validated(value)


def _is_optional_field(value: str) -> None:
    if value not in ("author_email", "author_url"):
        raise ValidationError("must be author_email or author_url")


class ConditionsEntry(RequestSchema):
    """What must hold of a comment, all of it; of several words, domains etc. one is enough."""

    error_messages = {"unknown": "is not a known condition", "type": "must be a table"}  # noqa: RUF012

    links_over = _Number(least=0, most=10_000, load_default=None)
    words = _Texts(limit=200)
    pattern = _Texts(limit=1_000, most=100)
    domains = _Texts(limit=253, most=100_000)
    script = _Texts(limit=40, most=100)
    path = _Texts(limit=2_000, validate=_is_path)
    missing = _Texts(limit=20, validate=_is_optional_field)
    score_over = _Share(load_default=None)
    page_older_than_days = _Number(most=36_500, load_default=None)
    first_comments = _Number(most=1_000, load_default=None)

    @validates_schema(skip_on_field_errors=True)
    def _has_one(self, data: dict[str, Any], **_: Any) -> None:
        if all(one in (None, []) for one in data.values()):
            raise ValidationError("needs at least one condition")


class RuleEntry(RequestSchema):
    """A rule: what becomes of a comment for which all conditions hold, and what moderators read as the reason."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

    name = _Line(required=True, limit=100)
    when = fields.Nested(ConditionsEntry, required=True, error_messages={"required": "is missing"})
    then = _Choice("hold", "suspect", "spam", "refuse", required=True)


def _is_reason_code(value: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", value):
        raise ValidationError("must be 1 to 64 of a-z, 0-9 and _, and begin with a letter")


def _is_plain_language(value: str) -> None:
    if value not in ("en", "de", "es", "fr", "it"):
        raise ValidationError("must be en, de, es, fr or it")


class ReasonEntry(RequestSchema):
    """A reason that a decision may give, and what is said of it in each language."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

    code = _Line(required=True, limit=64, validate=_is_reason_code)
    text = fields.Dict(
        keys=_Line(required=True, limit=7, validate=_is_plain_language),
        values=_Line(required=True, limit=500),
        required=True,
        validate=_not_empty("text"),
        error_messages={"required": "is missing", "invalid": "must be a table of texts by language"},
    )


_FEW_REASONS = validate.Length(max=50, error="must be no more than 50 reasons")
_FEW_RULES = validate.Length(max=200, error="must be no more than 200 rules")


class PagesEntry(RequestSchema):
    """Which addresses of a site are one page."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

    origins_are_one = _Choice("www", "all", "none", load_default="www")
    trailing_slash = _Choice("ignore", "keep", load_default="ignore")
    index_files = fields.List(
        _Line(required=True, limit=100, validate=_is_file_name),
        load_default=lambda: ["index.html", "index.htm", "index.php"],
        error_messages=_LIST,
    )
    ignore_parameters = _parameters(_is_parameter)
    keep_parameters = _parameters(_is_kept_parameter)
    fragment_routes = _Switch(load_default=False)

    @validates_schema(skip_on_field_errors=True)
    def _parameters_differ(self, data: dict[str, Any], **_: Any) -> None:
        kept = {one.lower() for one in data["keep_parameters"]}
        faults = {
            number: ["stands in keep_parameters, too"]
            for number, one in enumerate(data["ignore_parameters"])
            if one.lower() in kept
        }
        if faults:
            raise ValidationError({"ignore_parameters": faults})


_PREVIEW = re.compile(r"https?://(\*\.)?([^/?#@:*]+|\[[0-9a-f:.]+\])(:(\*|[0-9]{1,5}))?", re.IGNORECASE)


def is_preview(value: str) -> bool:
    """Tell whether a text has the form of a pattern of origins."""
    return _PREVIEW.fullmatch(value) is not None


def _is_preview(value: str) -> None:
    if not is_preview(value):
        raise ValidationError(
            "must be scheme and host, with * for the first label or the port, like https://*.preview.example"
        )


_SECRET = "whsec_"  # noqa: S105 - what secrets begin with
_SECRET_BYTES = range(24, 65)


def is_webhook_secret(value: str) -> bool:
    """Tell whether a text is a secret of Standard Webhooks: whsec_ and 24 to 64 bytes in base64."""
    try:
        key = base64.b64decode(value.removeprefix(_SECRET), validate=True)
    except (binascii.Error, ValueError):
        return False
    return value.startswith(_SECRET) and len(key) in _SECRET_BYTES


def _is_webhook_secret(value: str) -> None:
    if not is_webhook_secret(value):
        raise ValidationError("must be whsec_ and 24 to 64 random bytes in base64")


class _OneOrTwo(fields.List[Any]):
    """One entry by itself, or a list of two."""

    def __init__(self, entry: fields.Field[Any], **options: Any) -> None:
        two = validate.Length(1, 2, error="must be one, or a list of two")
        super().__init__(entry, load_default=list, validate=two, error_messages=_LIST, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        return super()._deserialize(value if isinstance(value, list) else [value], attr, data, **kwargs)


class WebhookEntry(RequestSchema):
    """A receiver that is told what changes on a site."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

    id = _Line(required=True, limit=64, validate=_is_id)
    url = _Origin(required=True, limit=2_000)
    secret = _OneOrTwo(_Line(required=True, limit=200, validate=_is_webhook_secret))
    secret_file = _OneOrTwo(_Line(required=True, limit=4_000))
    events = fields.List(
        _Choice(*(one.value for one in ChangeType)),
        load_default=lambda: [one.value for one in ChangeType],
        validate=_not_empty("event"),
        error_messages=_LIST,
    )
    kind = _Choice("events", "build_hook", load_default="events")
    debounce = _Number(least=0, most=14_400, load_default=60)
    allow_private = _Switch(load_default=False)

    @validates_schema(skip_on_field_errors=True)
    def _has_one_source_of_secrets(self, data: dict[str, Any], **_: Any) -> None:
        if data["secret"] and data["secret_file"]:
            raise ValidationError({"secret": ["stands beside secret_file; choose one of them"]})
        if data["kind"] == "events" and not data["secret"] and not data["secret_file"]:
            raise ValidationError({"secret": ["is missing, or secret_file: events are signed by it"]})


class SiteEntry(RequestSchema):
    """A site: the origins whose pages belong to it, and its moderators."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

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
    rules_url = _Origin(limit=2_000, load_default=None)
    contact = _Line(limit=254, load_default=None)
    close_after_days = _Number(least=0, most=36_500, load_default=0)
    push_text = _Switch(load_default=False)
    escalate_after_hours = _Number(least=0, most=720, load_default=0)
    form_fields = fields.Nested(FieldsEntry, load_default=lambda: FieldsEntry().load({}), data_key="fields")
    wordpress_pages = fields.Dict(
        keys=_Line(required=True, limit=20, validate=_is_post_number),
        values=_Origin(required=True, limit=2_000),
        load_default=dict,
        error_messages={"invalid": "must be a table"},
    )
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
    webhook = fields.List(fields.Nested(WebhookEntry), load_default=list, error_messages=_LIST)
    screening = fields.Nested(ScreeningEntry, load_default=lambda: ScreeningEntry().load({}))
    rule = fields.List(fields.Nested(RuleEntry), load_default=list, validate=_FEW_RULES, error_messages=_LIST)
    reason = fields.List(
        fields.Nested(ReasonEntry), load_default=list, validate=_FEW_REASONS, error_messages=_LIST
    )
    retention = fields.Nested(RetentionEntry, load_default=lambda: RetentionEntry().load({}))
    pages = fields.Nested(PagesEntry, load_default=lambda: PagesEntry().load({}))
    preview_origins = fields.List(
        _Line(required=True, limit=300, validate=_is_preview), load_default=list, error_messages=_LIST
    )

    @validates_schema(skip_on_field_errors=False)
    def _entries_differ(self, data: dict[str, Any], **_: Any) -> None:
        faults = {}
        for name, key in (("moderator", "id"), ("webhook", "id"), ("reason", "code")):
            ids = _ids(data.get(name), key)
            twice = [f"{one!r} is listed twice" for one in sorted(set(ids)) if ids.count(one) > 1]
            if twice:
                faults[name] = twice
        if faults:
            raise ValidationError(faults)


class RulesOfSite(Schema):
    """What `rules test FILE` reads of a site: its rules; all else may stand there, too."""

    class Meta:
        """All else is passed over."""

        unknown = EXCLUDE

    error_messages = {"type": "must be a table"}  # noqa: RUF012

    id = _Line(required=True, limit=64, validate=_is_id)
    rule = fields.List(fields.Nested(RuleEntry), load_default=list, validate=_FEW_RULES, error_messages=_LIST)


class RulesFile(Schema):
    """A file with `[[site.rule]]` tables, of which `[[site]]` needs no more than the id."""

    class Meta:
        """All else is passed over."""

        unknown = EXCLUDE

    site = fields.List(
        fields.Nested(RulesOfSite),
        required=True,
        validate=_not_empty("[[site]]"),
        error_messages=_LIST | {"required": "needs at least one [[site]]"},
    )


class SitesFile(RequestSchema):
    """The whole file: `[[site]]` tables."""

    error_messages = {"unknown": "is not a known setting", "type": "must be a table"}  # noqa: RUF012

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
