"""Isso's database, read while it may be in use."""

from collections.abc import Iterator
from html import unescape

from moderation_service.domain.importing.conversion import looks_like_html
from moderation_service.domain.importing.records import Dialect, Entry, PageInfo, Record, State, Times
from moderation_service.importing import databases, values
from moderation_service.importing.sources import Source

_STATES = {1: State.APPROVED, 2: State.PENDING, 4: State.DELETED}


def is_it(source: Source) -> bool:
    """Tell whether it is a SQLite file with Isso's tables."""
    return source.is_database and databases.has_tables(source, "threads", "comments")


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read threads and comments, never the table with the session key."""
    with databases.opened(source, ("threads", "comments")) as connection:
        for row in databases.rows(connection, "threads"):
            key = values.text(row.get("id"))
            yield PageInfo(key=key, url=values.text(row.get("uri")), title=values.text(row.get("title")))
        for row in databases.rows(connection, "comments", order="id"):
            number = values.text(row.get("id"))
            text = values.body(row.get("text"))
            yield Record(
                id=number,
                key=f"{number}@{row.get('created')}",
                parent=values.text(row.get("parent")),
                page=values.text(row.get("tid")),
                created=times(row.get("created")),
                author_name=unescape(values.text(row.get("author"))),
                author_email=unescape(values.text(row.get("email"))),
                author_url=unescape(values.text(row.get("website"))),
                body=text,
                dialect=Dialect.HTML if looks_like_html(text) else Dialect.MARKDOWN,
                state=_STATES.get(row.get("mode"), State.PENDING),  # type: ignore[arg-type]
                place=f"comment {number}",
            )
