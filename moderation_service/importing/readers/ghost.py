"""Ghost's comments of members: answers of its admin API, its database, or a dump of it."""

from collections.abc import Iterator
from typing import Any

from moderation_service.domain.importing.records import Dialect, Entry, PageInfo, Person, Record, State, Times
from moderation_service.importing import databases, json_entries, values
from moderation_service.importing.sources import Source

_STATES = {"published": State.APPROVED, "hidden": State.REJECTED, "deleted": State.DELETED}
_TABLES = ("comments", "members", "posts")


def is_it(source: Source) -> bool:
    """Tell whether it has comments with Ghost's names, or its tables."""
    head = source.begin
    if head.lstrip().startswith("{"):
        return '"comments"' in head and '"html"' in head and ('"in_reply_to_id"' in head or '"post_id"' in head)
    return databases.has_tables(source, "comments", "members") and "comment_likes" in (
        head if not source.is_database else "comment_likes"
    )


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read comments; what was deleted there keeps its text in the table, and stays away."""
    if not source.begin.lstrip().startswith("{"):
        yield from _of_tables(source, times)
        return
    for _, number, row in json_entries.rows(source, {"comments.item"}):
        post = values.inner(row.get("post"))
        page = values.text(values.pick(row, "post_id")) or values.text(post.get("id"))
        if post.get("url"):
            yield PageInfo(key=page, url=values.text(post["url"]), title=values.text(post.get("title")))
        member = values.inner(row.get("member"))
        named = {"name": values.text(member.get("name")), "email": values.text(member.get("email"))}
        yield _comment(row, page, "", f"comment {number:,}", times, named)


def _of_tables(source: Source, times: Times) -> Iterator[Entry]:
    with databases.opened(source, _TABLES) as connection:
        for row in databases.rows(connection, "posts"):
            is_held = values.text(row.get("status")) != "published" or values.text(row.get("visibility")) not in (
                "",
                "public",
            )
            slug = values.text(row.get("slug"))
            title = values.text(row.get("title"))
            yield PageInfo(key=values.text(row.get("id")), url=f"/{slug}/", title=title, held=is_held)
        for row in databases.rows(connection, "members"):
            name, email = values.text(row.get("name")), values.text(row.get("email"))
            yield Person(key=values.text(row.get("id")), name=name, email=email)
        for number, row in enumerate(databases.rows(connection, "comments"), start=1):
            page, person = values.text(row.get("post_id")), values.text(row.get("member_id"))
            yield _comment(row, page, person, f"comment {number:,}", times, {})


def _comment(
    row: dict[str, Any], page: str, person: str, place: str, times: Times, named: dict[str, str]
) -> Record:
    return Record(
        id=values.text(row.get("id")),
        parent=values.text(row.get("in_reply_to_id")) or values.text(row.get("parent_id")),
        thread=values.text(row.get("parent_id")),
        page=page,
        person=person,
        created=times(row.get("created_at")),
        author_name=named.get("name", ""),
        author_email=named.get("email", ""),
        body=values.body(row.get("html")),
        dialect=Dialect.HTML,
        state=_STATES.get(values.text(row.get("status")), State.PENDING),
        place=place,
    )
