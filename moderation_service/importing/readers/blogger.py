"""Blogger's feeds: of Takeout, which writes its own elements, and the classic ones."""

import re
from collections.abc import Iterator

from moderation_service.domain.importing.records import Dialect, Entry, LeftOut, PageInfo, Record, State, Times
from moderation_service.importing.sources import Source
from moderation_service.importing.xml_entries import Element, elements

_STATES = {"LIVE": State.APPROVED, "PENDING": State.PENDING, "SPAM": State.SPAM, "EMPTIED": State.DELETED}
_COMMENT = "kind#comment"
_PAGES = ("kind#post", "kind#page")
_NUMBER = re.compile(r"/(\d+)/?$")


def is_it(source: Source) -> bool:
    """Tell whether it is an Atom feed of Blogger's."""
    head = source.begin
    return "<feed" in head and ("schemas.google.com/blogger" in head or "blogger.com" in head)


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read posts and comments, which come in any order."""
    with source.opened() as stream:
        for entry, line in elements(stream, {"entry"}):
            kind = entry.get("type")
            terms = [one.attributes.get("term", "") for one in entry.all("category")]
            if kind == "COMMENT" or any(one.endswith(_COMMENT) for one in terms):
                yield _comment(entry, line, times, is_new=bool(kind))
            elif kind in ("POST", "PAGE") or any(one.endswith(_PAGES) for one in terms):
                yield _page(entry)
            elif kind:
                yield LeftOut(reason="entries that are no comments", place=f"line {line:,}")


def _page(entry: Element) -> PageInfo:
    link = next((one for one in entry.all("link") if one.attributes.get("rel") == "alternate"), None)
    url = entry.get("filename") or ("" if link is None else link.attributes.get("href", ""))
    is_held = entry.get("status") not in ("", "LIVE") or bool(entry.all("control")) or bool(entry.get("trashed"))
    return PageInfo(key=entry.get("id"), url=url, title=entry.get("title"), held=is_held)


def _comment(entry: Element, line: int, times: Times, *, is_new: bool) -> Record:
    author = entry.child("author")
    content = entry.child("content")
    email = "" if author is None else author.get("email")
    return Record(
        id=entry.get("id"),
        parent=entry.get("inReplyTo") if is_new else _classic_parent(entry),
        page=entry.get("parent") if is_new else _classic_page(entry),
        created=times(entry.get("published")),
        author_name="" if author is None else author.get("name"),
        author_email="" if email.lower() == "noreply@blogger.com" else email,
        author_url="" if author is None else author.get("uri"),
        body="" if content is None else content.text,
        dialect=Dialect.HTML,
        state=_state(entry, is_new=is_new),
        place=f"line {line:,}",
    )


def _state(entry: Element, *, is_new: bool) -> State:
    removed = any(
        one.attributes.get("name") == "blogger.contentRemoved" and one.attributes.get("value") == "true"
        for one in entry.all("extendedProperty")
    )
    if removed or entry.get("trashed"):
        return State.DELETED
    return _STATES.get(entry.get("status"), State.PENDING) if is_new else State.APPROVED


def _classic_page(entry: Element) -> str:
    answered = entry.child("in-reply-to")
    return "" if answered is None else answered.attributes.get("ref", "")


def _classic_parent(entry: Element) -> str:
    """Return the id of the comment whose number ends the related link: it is spelled as the entry's own."""
    related = next((one for one in entry.all("link") if one.attributes.get("rel") == "related"), None)
    match = None if related is None else _NUMBER.search(related.attributes.get("href", ""))
    own = entry.get("id")
    return f"{own.rpartition('.post-')[0]}.post-{match[1]}" if match and ".post-" in own else ""
