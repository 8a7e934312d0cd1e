"""What a feed says in every format, with addresses and ids as feeds want them."""

import re
from dataclasses import dataclass
from datetime import datetime

from moderation_service.domain.comments.comment import SyndicatedComment

_NOT_IN_AN_IRI = re.compile(r"[\x00-\x20<>\"{}|\\^`\x7f-\x9f\ufffe\uffff]|%(?![0-9A-Fa-f]{2})")
_BRACKETS = {"[": "%5B", "]": "%5D", "#": "%23"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A comment under its title; `url` is where it stands, and `parent_url` where what it answers does.

    `mark` says in words that the site wrote it, None of all others. `html` is its text, and what is said of that.
    """

    comment: SyndicatedComment
    title: str
    html: str
    url: str
    parent_url: str | None
    author_url: str | None
    mark: str | None = None


BY_SITE = "by_site"
"""Under what an answer of the site is filed in every feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDocument:
    """What stands over the entries: `url` is where this slice stands, `first_url` where the newest one does.

    `first_url` is None in that slice itself, `next_url` in the last one.
    """

    id: str
    title: str
    language: str
    home_url: str
    url: str
    first_url: str | None
    next_url: str | None
    updated_at: datetime


def item_id(comment_id: str) -> str:
    """Return the id of a comment or page in feeds: whatever moves, it stays."""
    return f"urn:uuid:{comment_id}"


def permalink(page_url: str, comment_id: str) -> str:
    """Return where a comment stands on its page; of a page that a route in the fragment names, only that page."""
    return iri(page_url if "#" in page_url else f"{page_url}#comment-{comment_id}")


def iri(url: str) -> str:
    """Return an http(s) URL as RFC 3987 spells it: what browsers let pass beside that is written as escapes."""
    text = _NOT_IN_AN_IRI.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), url)
    scheme, _, rest = text.partition("://")
    authority = re.match(r"[^/?#]*", rest)
    end = 0 if authority is None else authority.end()
    path, hash_sign, fragment = rest[end:].partition("#")
    path, fragment = (_escaped(part) for part in (path, fragment))
    return f"{scheme}://{rest[:end]}{path}{hash_sign}{fragment}"


def _escaped(part: str) -> str:
    for character, escape in _BRACKETS.items():
        part = part.replace(character, escape)
    return part
