"""Commento's export, which is also version 1 of Comentario's."""

from collections.abc import Iterator
from typing import Any

from moderation_service.domain.importing.records import Dialect, Entry, PageInfo, Person, Record, State, Times
from moderation_service.importing import json_entries, values
from moderation_service.importing.sources import Source

_NOBODY = frozenset({"", "anonymous", "0" * 64})
_NOTHING = frozenset({"", "[deleted]"})
_STATES = {"approved": State.APPROVED, "unapproved": State.PENDING, "flagged": State.PENDING}


def is_it(source: Source) -> bool:
    """Tell whether it has comments that are named as Commento does."""
    head = source.begin
    return head.lstrip().startswith("{") and '"commentHex"' in head


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read comments and commenters, whichever come first."""
    pages: set[str] = set()
    for place, number, row in json_entries.rows(source, {"comments.item", "commenters.item"}):
        if place == "commenters.item":
            yield _person(row)
            continue
        host = values.text(values.pick(row, "domain", "host"))
        path = values.text(values.pick(row, "url", "path"))
        key = f"{host} {path}"
        if key not in pages:
            pages.add(key)
            is_host = "." in host and not path.startswith(("http://", "https://"))
            shown = path if path.startswith(("/", "http")) else f"/{path}"
            yield PageInfo(key=key, url=f"https://{host}{shown}" if is_host else shown)
        yield _comment(row, key, f"comment {number:,}", times)


def _person(row: dict[str, Any]) -> Person:
    link = values.text(row.get("link"))
    return Person(
        key=values.text(row.get("commenterHex")),
        name=values.text(row.get("name")),
        email=values.text(row.get("email")),
        url="" if link == "undefined" else link,
    )


def _comment(row: dict[str, Any], page: str, place: str, times: Times) -> Record:
    person = values.text(row.get("commenterHex"))
    parent = values.text(row.get("parentHex"))
    markdown = values.body(row.get("markdown"))
    text = markdown or values.body(row.get("html"))
    is_deleted = values.flag(row.get("deleted")) or text.strip() in _NOTHING
    return Record(
        id=values.text(row.get("commentHex")),
        parent="" if parent == "root" else parent,
        page=page,
        person="" if person in _NOBODY else person,
        created=times(row.get("creationDate")),
        body=text,
        dialect=Dialect.MARKDOWN if markdown else Dialect.HTML,
        state=State.DELETED if is_deleted else _STATES.get(values.text(row.get("state")), State.PENDING),
        place=place,
    )
