"""Isso's generic JSON: threads with their comments, which has neither states nor answers."""

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

from moderation_service.domain.importing.conversion import looks_like_html
from moderation_service.domain.importing.records import Dialect, Entry, PageInfo, Record, State, Times
from moderation_service.importing import json_entries, values
from moderation_service.importing.sources import Source


def is_it(source: Source) -> bool:
    """Tell whether it is a list of threads, each with comments."""
    head = source.begin.lstrip()
    return head.startswith("[") and '"comments"' in head and '"text"' in head and '"remote_addr"' in head


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read the threads; comments are named by what they say, since their numbers repeat."""
    for _, number, thread in json_entries.rows(source, {"item"}):
        page = values.text(thread.get("id"))
        title = values.text(thread.get("title"))
        yield PageInfo(key=page, url=page, title=unquote_plus(title) if " " not in title else title)
        for place, row in enumerate(values.rows(thread.get("comments")), start=1):
            yield _comment(row, page, f"thread {number:,}, comment {place:,}", times)


def _comment(row: dict[str, Any], page: str, place: str, times: Times) -> Record:
    text = values.body(row.get("text"))
    said = "\0".join((page, values.text(row.get("created")), values.text(row.get("author")), text))
    key = hashlib.sha256(said.encode(errors="replace")).hexdigest()[:32]
    return Record(
        id=key,
        page=page,
        created=times(row.get("created")),
        author_name=values.text(row.get("author")),
        author_email=values.text(row.get("email")),
        author_url=values.text(row.get("website")),
        body=text,
        dialect=Dialect.HTML if looks_like_html(text) else Dialect.MARKDOWN,
        state=State.APPROVED,
        place=place,
    )
