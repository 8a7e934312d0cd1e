"""The form of WordPress's own themes, by the names and limits of `wp-comments-post.php`.

The limits are bytes of UTF-8, as `wp_check_comment_data_max_lengths` has them for its database's columns.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, ValidationError, fields

from schemas.base import Email, Fault, HttpUrl, Line, RequestSchema, Text, Tick, is_id
from schemas.comments import BODY_BYTES, TITLE_CHARACTERS, URL_CHARACTERS

_NAME_BYTES = 245
_EMAIL_BYTES = 100
_WEBSITE_BYTES = 200
_NUMBER_CHARACTERS = 20


class _ShortLine(Line):
    """A line whose limit is in bytes."""

    def check(self, text: str) -> None:
        super().check(text)
        _check_length(text, self.limit)


class _ShortEmail(Email, _ShortLine):
    """An address whose limit is in bytes."""


class _ShortUrl(HttpUrl):
    """A web address whose limit is in bytes."""

    def check(self, text: str) -> None:
        super().check(text)
        _check_length(text, self.limit)


class _Parent(fields.Field[str | None]):
    """The comment that is answered; whatever is none of our ids, such as WordPress's `0`, is nobody's answer."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> str | None:
        del attr, data, options
        text = value.strip().lower() if isinstance(value, str) else ""
        return text if is_id(text) else None


class WordPressForm(RequestSchema):
    """A comment as a theme of WordPress posts it; `page_url`, `page_title` and `notify_…` are ours."""

    body = Text(required=True, limit=BODY_BYTES, data_key="comment")
    author_name = _ShortLine(required=True, limit=_NAME_BYTES, data_key="author")
    author_email = _ShortEmail(required=True, limit=_EMAIL_BYTES, data_key="email", metadata={"format": "email"})
    author_url = _ShortUrl(limit=_WEBSITE_BYTES, load_default=None, data_key="url", metadata={"format": "url"})
    parent_id = _Parent(load_default=None, data_key="comment_parent")
    post_id = Line(limit=_NUMBER_CHARACTERS, load_default=None, data_key="comment_post_ID")
    page_url = HttpUrl(limit=URL_CHARACTERS, load_default=None, metadata={"format": "url"})
    page_title = Line(limit=TITLE_CHARACTERS, load_default=None)
    redirect_to = Line(limit=URL_CHARACTERS, load_default=None)
    notify_published = Tick(load_default=False)
    notify_replies = Tick(load_default=False)

    class Meta:
        """Plugins add fields of their own, which are passed over."""

        unknown = EXCLUDE


def _check_length(text: str, limit: int) -> None:
    if len(text.encode()) > limit:
        raise ValidationError(Fault("too_long", limit))
