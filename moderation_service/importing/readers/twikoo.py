"""Twikoo: its own export, saved answers of its API, and files of the consoles of its clouds."""

from collections.abc import Iterator
from typing import Any

from moderation_service.domain.importing.records import Dialect, Entry, PageInfo, Record, State, Times
from moderation_service.importing import json_entries, values
from moderation_service.importing.sources import Source

_PLACES = {"item", "data.item", "results.item"}


def is_it(source: Source) -> bool:
    """Tell whether it has comments with Twikoo's names."""
    head = source.begin
    is_twikoo = '"isSpam"' in head or '"mailMd5"' in head or '"href"' in head or '"ups"' in head
    return head.lstrip().startswith(("{", "[")) and '"nick"' in head and '"comment"' in head and is_twikoo


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read the comments, never `uid`, which may be the owner's token."""
    pages: set[str] = set()
    for _, number, row in json_entries.rows(source, _PLACES):
        page = values.text(row.get("url"))
        if page not in pages:
            pages.add(page)
            href = values.text(row.get("href")).partition("#")[0]
            yield PageInfo(key=page, url=href or page)
        yield _comment(row, page, f"comment {number:,}", times)


def _comment(row: dict[str, Any], page: str, place: str, times: Times) -> Record:
    is_held = "isSpam" in row and (row["isSpam"] is None or values.flag(row["isSpam"]))
    return Record(
        id=values.text(row.get("_id")),
        parent=values.text(row.get("pid")) or values.text(row.get("rid")),
        thread=values.text(row.get("rid")),
        page=page,
        created=times(row.get("created")),
        author_name=values.text(row.get("nick")),
        author_email=values.text(row.get("mail")),
        author_url=values.text(row.get("link")),
        body=values.body(row.get("comment")),
        dialect=Dialect.HTML,
        state=State.PENDING if is_held or "isSpam" not in row else State.APPROVED,
        place=place,
    )
