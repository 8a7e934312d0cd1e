"""Cusdis: its database or a dump of it, or what its dashboard's API answers."""

from collections.abc import Iterator
from typing import Any

from moderation_service.domain.importing.records import Dialect, Entry, PageInfo, Record, State, Times
from moderation_service.importing import databases, json_entries, values
from moderation_service.importing.sources import Source

_PLACES = ("data.data.item", "data.item", "item", "comments.item")


def is_it(source: Source) -> bool:
    """Tell whether it has Cusdis's tables, or comments as its API answers them."""
    if source.is_database or not source.begin.lstrip().startswith(("{", "[")):
        return databases.has_tables(source, "pages", "comments") and (
            (source.is_database and not databases.has_tables(source, "threads")) or "by_nickname" in source.begin
        )
    return '"by_nickname"' in source.begin


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read pages and comments; addresses that visitors' browsers sent count only on the site's hosts."""
    if source.begin.lstrip().startswith(("{", "[")):
        for _, number, row in json_entries.rows(source, _PLACES):
            yield from _of_api(row, f"comment {number:,}", times, "")
        return
    with databases.opened(source, ("pages", "comments")) as connection:
        for row in databases.rows(connection, "pages"):
            yield _page(row, values.text(row.get("id")))
        for number, row in enumerate(databases.rows(connection, "comments"), start=1):
            parent = values.text(values.pick(row, "parentId"))
            yield _comment(row, values.text(values.pick(row, "pageId")), parent, f"comment {number:,}", times)


def _page(row: dict[str, Any], key: str) -> PageInfo:
    slug = values.text(row.get("slug"))
    return PageInfo(key=key, url=values.text(row.get("url")) or slug, title=values.text(row.get("title")))


def _of_api(row: dict[str, Any], place: str, times: Times, parent: str) -> Iterator[Entry]:
    """Read a comment and the answers within it; what stands in both ways comes twice, and is taken once."""
    page = values.inner(row.get("page"))
    key = values.text(values.pick(row, "pageId")) or values.text(page.get("id")) or values.text(page.get("slug"))
    if page:
        yield _page(page, key)
    number = values.text(row.get("id"))
    yield _comment(row, key, values.text(row.get("parentId")) or parent, place, times)
    found = row.get("replies")
    for reply in values.rows(values.inner(found).get("data") if isinstance(found, dict) else found):
        yield from _of_api({"pageId": key} | reply, place, times, number)


def _comment(row: dict[str, Any], page: str, parent: str, place: str, times: Times) -> Record:
    is_approved = values.flag(row.get("approved"))
    state = State.APPROVED if is_approved else State.PENDING
    return Record(
        id=values.text(row.get("id")),
        parent=parent,
        page=page,
        created=times(values.pick(row, "created_at", "createdAt")),
        author_name=values.text(row.get("by_nickname")),
        author_email=values.text(row.get("by_email")),
        body=values.body(row.get("content")),
        dialect=Dialect.MARKDOWN,
        state=State.DELETED if values.pick(row, "deletedAt") else state,
        place=place,
    )
