"""Disqus's exports: its XML, and the dialect of WordPress's export that was made for imports to Disqus."""

from collections.abc import Iterator

from moderation_service.domain.importing.records import Dialect, Entry, PageInfo, Record, State, Times
from moderation_service.importing.readers import wordpress
from moderation_service.importing.sources import Source
from moderation_service.importing.xml_entries import Element, elements


def is_it(source: Source) -> bool:
    """Tell whether a file is Disqus's, by what stands in it."""
    head = source.begin
    return "<disqus" in head or is_dialect(head)


def is_dialect(head: str) -> bool:
    """Tell whether a file is an RSS with Disqus's own elements."""
    return "<rss" in head and "disqus.com/" in head and "xmlns:dsq" in head


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read threads and posts."""
    if is_dialect(source.begin):
        yield from wordpress.read(source, times)
        return
    with source.opened() as stream:
        for element, line in elements(stream, {"thread", "post"}):
            if element.name == "thread" and element.parent is not None and element.parent.name == "post":
                element.parent.attributes["thread"] = _reference(element)
            elif element.name == "thread":
                yield _page(element)
            else:
                yield _comment(element, line, times)


def _page(thread: Element) -> PageInfo:
    left_out = "comments of deleted pages" if thread.get("isDeleted") == "true" else ""
    url = thread.get("link")
    if not url:
        named = thread.get("id")
        url = named if named.startswith(("http://", "https://", "/")) else ""
    return PageInfo(key=_reference(thread), url=url, title=thread.get("title"), left_out=left_out)


def _comment(post: Element, line: int, times: Times) -> Record:
    author = post.child("author")
    return Record(
        id=post.attributes.get("id", ""),
        parent=_reference(post.child("parent")),
        page=post.attributes.get("thread", ""),
        created=times(post.get("createdAt")),
        author_name="" if author is None else author.get("name") or author.get("username"),
        author_email="" if author is None else author.get("email"),
        author_url="" if author is None else author.get("link"),
        body=post.get("message"),
        dialect=Dialect.HTML,
        state=_state(post),
        place=f"line {line:,}",
    )


def _state(post: Element) -> State:
    """Read the flags: what a moderator removed as spam is marked as deleted, and stays away."""
    if post.get("isDeleted") == "true":
        return State.DELETED
    if post.get("isSpam") == "true":
        return State.SPAM
    is_held = post.get("isApproved") == "false"
    is_known = post.get("isDeleted") == post.get("isSpam") == "false"
    return State.APPROVED if is_known and not is_held else State.PENDING


def _reference(element: Element | None) -> str:
    """Return the id that an element names, as an attribute or, in some files, as its text."""
    if element is None:
        return ""
    named = element.attributes.get("id", "").strip()
    return named or ("" if element.children else element.text.strip())
