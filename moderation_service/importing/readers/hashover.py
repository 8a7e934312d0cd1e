"""HashOver: its folder of XML or JSON files, or its SQL table."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import orjson

from moderation_service.domain.importing.records import (
    BrokenFileError,
    Dialect,
    Entry,
    LeftOut,
    PageInfo,
    Record,
    State,
    Times,
)
from moderation_service.importing import databases, sources, values
from moderation_service.importing.sources import Source
from moderation_service.importing.xml_entries import elements

_NAME = re.compile(r"\d+(?:-\d+)*\.(?:xml|json)")
_COLUMNS = {"thread", "comment", "body"}
_STATES = {"": State.APPROVED, "approved": State.APPROVED, "pending": State.PENDING, "deleted": State.DELETED}
_FIELDS = ("body", "status", "date", "name", "website")


def is_it(source: Source) -> bool:
    """Tell whether it is a folder with files that are named as HashOver numbers comments, or its table."""
    if source.is_folder:
        return next(_files(source.path), None) is not None
    if not databases.has_tables(source, "comments"):
        return False
    with databases.opened(source, ("comments",)) as connection:
        first = next(databases.rows(connection, "comments"), {})
    return first.keys() >= _COLUMNS


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read the comments; their addresses stay encrypted there, and are not read."""
    if not source.is_folder:
        yield from _of_tables(source, times)
        return
    pages: set[Path] = set()
    for file in _files(source.path):
        folder = file.parent
        place = str(file.relative_to(source.path))
        if folder not in pages:
            pages.add(folder)
            yield _page(folder)
        try:
            row = _row(file)
        except BrokenFileError:
            yield LeftOut(reason="files that cannot be read", place=place)
            continue
        yield _comment(row, str(folder.name), str(folder), file.stem, place, times)


def _files(folder: Path) -> Iterator[Path]:
    return (one for one in sorted(folder.rglob("*")) if _NAME.fullmatch(one.name) and one.is_file())


def _page(folder: Path) -> PageInfo:
    info: dict[str, Any] = {}
    for path in (folder / "metadata/page-info.json", folder / "metadata" / "page-info.json"):
        if path.is_file():
            try:
                info = values.inner(orjson.loads(path.read_bytes()))
            except orjson.JSONDecodeError:
                info = {}
    name = "" if folder.name == "index" else folder.name
    return PageInfo(
        key=str(folder), url=values.text(info.get("url")) or name or "/", title=values.text(info.get("title"))
    )


def _row(file: Path) -> dict[str, Any]:
    with Source(file).opened() as stream:
        if file.suffix == ".json":
            try:
                return values.inner(orjson.loads(sources.whole(stream, file.name)))
            except orjson.JSONDecodeError as error:
                raise BrokenFileError(file.name, f"is no JSON: {error}") from error
        for element, _ in elements(stream, {"comment"}):
            return {name: found.text for name in _FIELDS if (found := element.child(name)) is not None}
    raise BrokenFileError(file.name, "holds no comment")


def _comment(row: dict[str, Any], thread: str, page: str, number: str, place: str, times: Times) -> Record:
    text = "\n".join(one.removeprefix("\t\t") for one in values.body(row.get("body")).split("\n"))
    return Record(
        id=f"{page} {number}",
        key=f"{thread} {number}@{values.text(row.get('date'))}",
        parent=f"{page} {number.rpartition('-')[0]}" if "-" in number else "",
        page=page,
        created=times(values.text(row.get("date"))),
        author_name=unescape(values.text(row.get("name"))),
        author_url=unescape(values.text(row.get("website"))),
        body=text.strip(),
        dialect=Dialect.HTML_LINES,
        state=_STATES.get(values.text(row.get("status")), State.PENDING),
        place=place,
    )


def _of_tables(source: Source, times: Times) -> Iterator[Entry]:
    with databases.opened(source, ("comments", "page-info")) as connection:
        for row in databases.rows(connection, "page-info"):
            yield PageInfo(
                key=values.text(row.get("thread")),
                url=values.text(row.get("url")),
                title=values.text(row.get("title")),
            )
        told = set[str]()
        for number, row in enumerate(databases.rows(connection, "comments"), start=1):
            thread = values.text(row.get("thread"))
            if thread not in told and "page-info" not in databases.tables(connection):
                told.add(thread)
                yield PageInfo(key=thread, url="/" if thread == "index" else thread)
            yield _comment(row, thread, thread, values.text(row.get("comment")), f"comment {number:,}", times)
