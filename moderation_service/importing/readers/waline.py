"""Waline and Valine: the panel's export, files of LeanCloud and CloudBase, tables, the CSV of GitHub storage."""

import csv
import re
from collections.abc import Iterator
from typing import Any

from moderation_service.domain.importing.conversion import looks_like_html
from moderation_service.domain.importing.records import (
    BrokenFileError,
    Dialect,
    Entry,
    PageInfo,
    Person,
    Record,
    State,
    Times,
)
from moderation_service.importing import databases, json_entries, values
from moderation_service.importing.sources import Source, Stream, lines

_PLACES = {"data.Comment.item", "data.Users.item", "results.item", "item"}
_TABLES = ("Comment", "Users")
_MENTION = re.compile(r"^\s*(?:\[@[^\]]*\]\(#[^)]*\)\s*:?|(?:<p>)?\s*<a [^>]*href=\"#[^>]*>@[^<]*</a>\s*[:,]?)\s*")
_STATES = {"": State.APPROVED, "approved": State.APPROVED, "waiting": State.PENDING, "spam": State.SPAM}


def is_it(source: Source) -> bool:
    """Tell whether it has comments with Waline's or Valine's names."""
    head = source.begin
    if head.lstrip().startswith(("{", "[", "#")):
        return '"comment"' in head and '"nick"' in head and ('"objectId"' in head or '"insertedAt"' in head)
    first = head.partition("\n")[0]
    return ("objectId" in first and "insertedAt" in first) or databases.has_tables(source, "wl_Comment")


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read comments and users; of these neither passwords nor second factors."""
    pages: set[str] = set()
    for number, (is_user, row) in enumerate(_rows(source), start=1):
        if is_user:
            yield Person(
                key=values.text(values.pick(row, "objectId", "id")),
                name=values.text(row.get("display_name")),
                email=values.text(row.get("email")),
                url=values.text(row.get("url")),
            )
            continue
        page = values.text(row.get("url"))
        if page not in pages:
            pages.add(page)
            yield PageInfo(key=page, url=page)
        yield _comment(row, page, f"comment {number:,}", times)


def _rows(source: Source) -> Iterator[tuple[bool, dict[str, Any]]]:
    if source.begin.lstrip().startswith(("{", "[", "#")):
        for place, _, row in json_entries.rows(source, _PLACES):
            yield place == "data.Users.item" or ("display_name" in row and "comment" not in row), row
    elif databases.has_tables(source, "wl_Comment"):
        with databases.opened(source, [f"wl_{one}" for one in _TABLES]) as connection:
            for table in _TABLES:
                for row in databases.rows(connection, f"wl_{table}"):
                    yield table == "Users", row
    else:
        with source.opened() as stream:
            for row in _cells(stream):
                yield False, row


def _cells(stream: Stream) -> Iterator[dict[str, Any]]:
    number = 0

    def text() -> Iterator[str]:
        nonlocal number
        for number, line in lines(stream, with_blank=True):  # noqa: B007 - read below
            yield line

    try:
        for row in csv.DictReader(text(), restkey="", strict=True):
            if None in row.values():
                raise BrokenFileError(f"line {number:,}", "has fewer cells than the first line")
            yield row
    except csv.Error as error:
        raise BrokenFileError(f"line {number:,}", f"is no CSV: {error}") from error


def _comment(row: dict[str, Any], page: str, place: str, times: Times) -> Record:
    text = _MENTION.sub("", values.body(row.get("comment")))
    return Record(
        id=values.text(values.pick(row, "objectId", "_id", "id")),
        parent=values.text(row.get("pid")) or values.text(row.get("rid")),
        thread=values.text(row.get("rid")),
        page=page,
        person=values.text(row.get("user_id")),
        created=times(values.pick(row, "insertedAt", "createdAt")),
        author_name=values.text(row.get("nick")),
        author_email=values.text(row.get("mail")),
        author_url=values.text(row.get("link")),
        body=text,
        dialect=Dialect.HTML if looks_like_html(text) else Dialect.MARKDOWN,
        state=_STATES.get(values.text(row.get("status")), State.PENDING),
        place=place,
    )
