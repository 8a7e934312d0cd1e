"""WordPress's export files (WXR 1.0 to 1.2), and the dialect of them that was made for Disqus."""

from collections.abc import Iterator

from moderation_service.domain.importing.records import (
    Dialect,
    Entry,
    LeftOut,
    PageInfo,
    Record,
    State,
    Times,
)
from moderation_service.importing.sources import Source
from moderation_service.importing.xml_entries import Element, elements

_NO_DATE = ("", "0000-00-00 00:00:00")
_STATES = {
    "1": State.APPROVED,
    "approved": State.APPROVED,
    "0": State.PENDING,
    "hold": State.PENDING,
    "trash": State.REJECTED,
    "post-trashed": State.REJECTED,
    "spam": State.SPAM,
}
_NO_COMMENTS = {"pingback": "pingbacks", "trackback": "trackbacks"}
_PUBLIC = frozenset({"publish", "inherit", "static", ""})


def is_it(source: Source) -> bool:
    """Tell whether a file is WordPress's, by what stands in it."""
    head = source.begin
    return "<rss" in head and ("wordpress.org/export/" in head or "<wp:wxr_version>" in head)


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read posts and their comments; the dialect for Disqus knows no numbers of posts."""
    with source.opened() as stream:
        found = elements(stream, {"item", "comment"}, ignored={"postmeta", "commentmeta", "encoded", "category"})
        for element, line in found:
            if element.name == "item":
                yield page(element, line)
            elif element.parent is not None:
                yield comment(element, line, key_of(element.parent), times)


def key_of(item: Element) -> str:
    """Return by what comments name their post: all that is known of it before they come."""
    return f"item at line {item.line}"


def page(item: Element, line: int) -> PageInfo:
    """Return a post as a page; where not everybody may read it, its comments wait."""
    number = item.get("post_id")
    link = item.get("link") or item.get("guid")
    is_public = item.get("status") in _PUBLIC and not item.get("post_password") and item.get("is_private") != "1"
    return PageInfo(
        key=f"item at line {line}", url=link, title=item.get("title"), held=not is_public, number=number
    )


def comment(element: Element, line: int, page_key: str, times: Times) -> Entry:
    """Return a comment; what is no comment of a person's is left out."""
    place = f"line {line:,}"
    kind = element.get("comment_type")
    if kind not in ("", "comment"):
        return LeftOut(reason=_NO_COMMENTS.get(kind, "entries that are no comments"), place=place)
    number = element.get("comment_id")
    utc, local = element.get("comment_date_gmt"), element.get("comment_date")
    stamp = local if utc in _NO_DATE else f"{utc} +0000"
    parent = element.get("comment_parent")
    return Record(
        id=number,
        key=f"{number}@{local or utc}" if number else "",
        parent="" if parent == "0" else parent,
        page=page_key,
        created=times(stamp),
        author_name=element.get("comment_author"),
        author_email=element.get("comment_author_email"),
        author_url=element.get("comment_author_url"),
        body=_text(element, "comment_content"),
        dialect=Dialect.HTML_LINES,
        state=_STATES.get(element.get("comment_approved").lower(), State.PENDING),
        place=place,
    )


def _text(element: Element, name: str) -> str:
    found = element.child(name)
    return "" if found is None else found.text
