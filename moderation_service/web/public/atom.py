"""Atom (RFC 4287), with what a comment answers (RFC 4685) and slices that lead to the next one (RFC 5005)."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from moderation_service.web.public.feed_document import BY_SITE, Entry, FeedDocument, item_id

MEDIA_TYPE = "application/atom+xml"

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INSTEAD = "\ufffd"


def document(feed: FeedDocument, entries: Sequence[bytes]) -> bytes:
    """Write a feed around its entries."""
    links = [
        _link("self", feed.url, MEDIA_TYPE),
        _link("alternate", feed.home_url, "text/html"),
        *(_link(rel, url, MEDIA_TYPE) for rel, url in (("first", feed.first_url), ("next", feed.next_url)) if url),
    ]
    head = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0"'
        f' xml:lang="{feed.language}">\n'
        f"<id>{_text(feed.id)}</id>\n<title>{_text(feed.title)}</title>\n"
        f"<updated>{_moment(feed.updated_at)}</updated>\n{''.join(links)}"
    )
    return b"".join([head.encode(), *entries, b"</feed>\n"])


def entry(one: Entry) -> bytes:
    """Write an entry."""
    comment = one.comment
    uri = "" if one.author_url is None else f"<uri>{_text(one.author_url)}</uri>"
    mark = "" if one.mark is None else f'<category term="{BY_SITE}" label={_attribute(one.mark)}/>\n'
    answers = ""
    if comment.parent_id is not None and one.parent_url is not None:
        there = f'ref="{item_id(comment.parent_id)}" href={_attribute(one.parent_url)}'
        answers = f'<thr:in-reply-to {there} type="text/html"/>\n'
    text = (
        f"<entry>\n<id>{item_id(comment.id)}</id>\n<title>{_text(one.title)}</title>\n"
        f"{_link('alternate', one.url, 'text/html')}"
        f"<published>{_moment(comment.created_at)}</published>\n<updated>{_moment(comment.changed_at)}</updated>\n"
        f"<author><name>{_text(comment.author_name)}</name>{uri}</author>\n{mark}{answers}"
        f'<content type="html">{_text(one.html)}</content>\n</entry>\n'
    )
    return text.encode()


def _link(rel: str, url: str, media_type: str) -> str:
    return f'<link rel="{rel}" type="{media_type}" href={_attribute(url)}/>\n'


def _text(text: str) -> str:
    """Return text for between tags; a character that XML has no place for becomes the sign for such."""
    return escape(_NOT_IN_XML.sub(_INSTEAD, text))


def _attribute(text: str) -> str:
    return quoteattr(_NOT_IN_XML.sub(_INSTEAD, text))


def _moment(moment: datetime) -> str:
    """Return a moment as RFC 3339 writes it, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
