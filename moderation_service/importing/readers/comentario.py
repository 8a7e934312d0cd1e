"""Comentario's export of a domain, version 3; version 1 is Commento's."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from moderation_service.domain.importing.records import Dialect, Entry, PageInfo, Person, Record, State, Times
from moderation_service.importing import json_entries, values
from moderation_service.importing.readers import commento
from moderation_service.importing.sources import Source

_NOBODY = "00000000-0000-0000-0000-000000000000"
_PLACES = {"pages.item", "comments.item", "commenters.item"}


def is_it(source: Source) -> bool:
    """Tell whether it is either version."""
    head = source.begin
    is_third = '"version"' in head and ('"pageId"' in head or '"domainId"' in head or '"federatedIdP"' in head)
    return head.lstrip().startswith("{") and (is_third or commento.is_it(source))


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read pages, comments and commenters; any of them may be missing."""
    if commento.is_it(source):
        yield from commento.read(source, times)
        return
    titles: dict[str, tuple[str, str]] = {}
    hosts: set[str] = set()
    for place, number, row in json_entries.rows(source, _PLACES):
        key = values.text(row.get("id"))
        if place == "pages.item":
            titles[key] = values.text(row.get("path")) or "/", values.text(row.get("title"))
            yield PageInfo(key=key, url=titles[key][0], title=titles[key][1])
        elif place == "commenters.item":
            yield Person(
                key=key,
                name=values.text(row.get("name")),
                email=values.text(row.get("email")),
                url=values.text(row.get("websiteUrl")),
            )
        else:
            page = values.text(row.get("pageId"))
            address = values.text(row.get("url")).partition("#")[0]
            if page in titles and page not in hosts and urlsplit(address).netloc:
                hosts.add(page)
                yield PageInfo(key=page, url=address, title=titles[page][1])
            yield _comment(row, page, f"comment {number:,}", times)


def _comment(row: dict[str, Any], page: str, place: str, times: Times) -> Record:
    person = values.text(row.get("userCreated"))
    markdown = values.body(row.get("markdown"))
    return Record(
        id=values.text(row.get("id")),
        parent=values.text(row.get("parentId")),
        page=page,
        person="" if person == _NOBODY else person,
        created=times(row.get("createdTime")),
        author_name=values.text(row.get("authorName")),
        body=markdown or values.body(row.get("html")),
        dialect=Dialect.MARKDOWN if markdown else Dialect.HTML,
        state=_state(row),
        place=place,
    )


def _state(row: dict[str, Any]) -> State:
    if values.flag(row.get("isDeleted")):
        return State.DELETED
    if values.flag(row.get("isPending")) or not {"isApproved", "isPending", "isDeleted"} & row.keys():
        return State.PENDING
    return State.APPROVED if values.flag(row.get("isApproved")) else State.REJECTED
