"""Drupal 6 to 11: a dump of its tables, or a SQLite file."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from moderation_service.domain.importing.records import Dialect, Entry, PageInfo, Person, Record, State, Times
from moderation_service.importing import databases, values
from moderation_service.importing.sources import Source

_TABLES = (
    *("comments", "comment", "comment_field_data", "comment__comment_body", "field_data_comment_body"),
    *("url_alias", "path_alias", "users", "users_field_data", "node", "node_field_data"),
)
_NO_PERSON = ("", "0")


def is_it(source: Source) -> bool:
    """Tell whether it has the tables of any version."""
    newer = databases.has_tables(source, "comment_field_data")
    seventh = databases.has_tables(source, "field_data_comment_body")
    if newer or seventh:
        return True
    return databases.has_tables(source, "comments") and databases.has_tables(source, "url_alias")


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read pages, people and comments of whichever version it is; published is 0 in the sixth, and 1 since."""
    with databases.opened(source, _TABLES) as connection:
        yield from _pages(connection)
        yield from _people(connection)
        names = databases.tables(connection)
        found: Iterator[dict[str, Any]]
        if any(one.endswith("comment_field_data") for one in names):
            texts = _texts(connection, "comment__comment_body")
            found = filter(_is_original, databases.rows(connection, "comment_field_data"))
            published = "1"
        elif any(one.endswith("field_data_comment_body") for one in names):
            texts = _texts(connection, "field_data_comment_body")
            found, published = databases.rows(connection, "comment"), "1"
        else:
            texts, published = {}, "0"
            found = databases.rows(connection, "comments")
        for number, row in enumerate(found, start=1):
            yield _comment(row, texts, published, f"comment {number:,}", times)


def _is_original(row: dict[str, Any]) -> bool:
    is_of_node = values.text(row.get("entity_type")) in ("", "node")
    return is_of_node and ("default_langcode" not in row or values.flag(row["default_langcode"]))


def _texts(connection: sqlite3.Connection, table: str) -> dict[str, tuple[str, str]]:
    """Return text and format by comment: of those that count, the first."""
    found: dict[str, tuple[str, str]] = {}
    for row in databases.rows(connection, table):
        if not values.flag(row.get("deleted")) and values.text(row.get("delta")) in ("", "0"):
            text = values.body(row.get("comment_body_value"))
            found.setdefault(
                values.text(row.get("entity_id")), (text, values.text(row.get("comment_body_format")))
            )
    return found


def _pages(connection: sqlite3.Connection) -> Iterator[PageInfo]:
    titles: dict[str, tuple[str, bool]] = {}
    for table in ("node", "node_field_data"):
        for row in databases.rows(connection, table):
            is_held = "status" in row and not values.flag(row["status"])
            titles[values.text(row.get("nid"))] = values.text(row.get("title")), is_held
    aliases: dict[str, str] = {}
    for table, source in (("url_alias", ("source", "src")), ("path_alias", ("path",))):
        for row in databases.rows(connection, table):
            path = "/" + values.text(values.pick(row, *source)).lstrip("/")
            alias = values.text(values.pick(row, "alias", "dst"))
            if path.startswith("/node/") and ("status" not in row or values.flag(row["status"])):
                aliases[path.removeprefix("/node/")] = "/" + alias.lstrip("/")
    for number in sorted(titles.keys() | aliases.keys()):
        title, is_held = titles.get(number, ("", False))
        yield PageInfo(
            key=f"/node/{number}", url=aliases.get(number, f"/node/{number}"), title=title, held=is_held
        )


def _people(connection: sqlite3.Connection) -> Iterator[Person]:
    for table in ("users", "users_field_data"):
        for row in databases.rows(connection, table):
            key, name = values.text(row.get("uid")), values.text(row.get("name"))
            if key not in _NO_PERSON and name:
                yield Person(key=key, name=name, email=values.text(row.get("mail")))


def _comment(
    row: dict[str, Any], texts: dict[str, tuple[str, str]], published: str, place: str, times: Times
) -> Record:
    number = values.text(row.get("cid"))
    text, kind = texts.get(number, (values.body(row.get("comment")), values.text(row.get("format"))))
    subject = values.text(row.get("subject"))
    shown = " ".join(text.split())
    dialect = Dialect.PLAIN if "plain" in kind else Dialect.HTML_LINES
    if subject and not shown.lower().startswith(subject.lower().rstrip(".… ")):
        text = f"{subject}\n\n{text}"
    person = values.text(row.get("uid"))
    created = values.pick(row, "created", "timestamp")
    status = values.text(row.get("status"))
    is_known = status in ("0", "1")
    return Record(
        id=number,
        key=f"{number}@{values.text(created)}" if "created" in row else number,
        parent="" if values.text(row.get("pid")) == "0" else values.text(row.get("pid")),
        page=f"/node/{values.text(values.pick(row, 'nid', 'entity_id'))}",
        person="" if person in _NO_PERSON else person,
        created=times(created),
        author_name=values.text(row.get("name")),
        author_email=values.text(row.get("mail")),
        author_url=values.text(row.get("homepage")),
        body=text,
        dialect=dialect,
        state=State.APPROVED if is_known and status == published else State.PENDING,
        place=place,
    )
