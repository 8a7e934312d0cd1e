"""remark42's backups: a line about users and pages, then a comment a line."""

from collections.abc import Iterator
from typing import Any

from moderation_service.domain.importing.records import Dialect, Entry, PageInfo, Person, Record, State, Times
from moderation_service.importing import json_entries, values
from moderation_service.importing.sources import Source


def is_it(source: Source) -> bool:
    """Tell whether the first line is that of a backup."""
    first = source.begin.partition("\n")[0]
    is_head = '"version"' in first and ('"users"' in first or '"posts"' in first)
    return (is_head and '"locator"' not in first and '"comments"' not in first) or (
        '"locator"' in first and '"pid"' in first
    )


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read the lines; neither votes nor hashes of networks, and addresses of those alone who subscribed."""
    with source.opened() as stream:
        for number, line in json_entries.object_lines(stream):
            if "locator" not in line:
                yield from _people(line)
                continue
            url = values.text(values.inner(line["locator"]).get("url"))
            title = values.text(line.get("title"))
            if title:
                yield PageInfo(key=url, url=url, title=title)
            yield _comment(line, url, number, times)


def _people(line: dict[str, Any]) -> Iterator[Entry]:
    for user in values.rows(line.get("users")):
        email = values.text(values.inner(user.get("details")).get("email"))
        if email:
            yield Person(key=values.text(user.get("id")), name="", email=email)


def _comment(line: dict[str, Any], url: str, number: int, times: Times) -> Record:
    original = values.body(line.get("orig"))
    user = values.inner(line.get("user"))
    return Record(
        id=values.text(line.get("id")),
        parent=values.text(line.get("pid")),
        page=url,
        person=values.text(user.get("id")),
        created=times(line.get("time")),
        author_name=values.text(user.get("name")),
        body=original or values.body(line.get("text")),
        dialect=Dialect.MARKDOWN if original else Dialect.HTML,
        state=State.DELETED if values.flag(line.get("delete")) else State.APPROVED,
        place=f"line {number:,}",
    )
