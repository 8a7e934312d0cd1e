"""giscus and utterances: saved answers of GitHub's API, discussions by GraphQL or issues by REST."""

import re
from collections.abc import Iterator
from typing import Any

from moderation_service.domain.importing.records import Dialect, Entry, LeftOut, PageInfo, Record, State, Times
from moderation_service.importing import json_entries, values
from moderation_service.importing.sources import Source

_PLACES = (
    "data.repository.discussions.nodes.item",
    "data.repository.discussion",
    "repository.discussions.nodes.item",
    "item",
    "issues.item",
    "comments.item",
)
_URL = re.compile(r"https?://[^\s<>()\[\]]+")
_MINIMIZED = {
    "SPAM": State.SPAM,
    "ABUSE": State.REJECTED,
    "OFF_TOPIC": State.REJECTED,
    "OFF-TOPIC": State.REJECTED,
}
_BOTS = frozenset({"giscus", "giscus[bot]", "utterances-bot", "utterances[bot]", "utterances"})


def is_it(source: Source) -> bool:
    """Tell whether it has discussions or issues as GitHub writes them."""
    head = source.begin
    return head.lstrip().startswith(("{", "[")) and (
        ('"discussion' in head and '"nodes"' in head) or '"issue_url"' in head or '"comments_url"' in head
    )


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read discussions with their comments and answers; issues and comments of issues, in any order."""
    for _, number, row in json_entries.rows(source, _PLACES):
        place = f"entry {number:,}"
        if "issue_url" in row:
            yield _issue_comment(row, place, times)
        elif "comments_url" in row:
            key = values.text(row.get("url"))
            yield _page(key, row)
            login = values.text(values.inner(row.get("user")).get("login"))
            if login not in _BOTS:
                yield LeftOut(reason="openings of threads, which are no comments", place=place)
        elif "comments" in row:
            key = values.text(row.get("id"))
            yield _page(key, row)
            for comment in values.rows(values.inner(row.get("comments")).get("nodes")):
                yield from _discussion_comments(comment, key, place, times)


def _page(key: str, row: dict[str, Any]) -> PageInfo:
    """Return a thread as a page: by the last address in its opening, else by its title."""
    found = _URL.findall(values.body(row.get("body")).partition("<!-- sha1:")[0])
    title = values.text(row.get("title"))
    path = "/" if title == "index" else title
    return PageInfo(key=key, url=found[-1].rstrip(".,;") if found else path)


def _discussion_comments(row: dict[str, Any], page: str, place: str, times: Times) -> Iterator[Record]:
    answered = values.text(values.inner(row.get("replyTo")).get("id"))
    yield Record(
        id=values.text(row.get("id")),
        parent=answered,
        page=page,
        created=times(row.get("createdAt")),
        author_name=values.text(values.inner(row.get("author")).get("login")),
        author_url=values.text(values.inner(row.get("author")).get("url")),
        body=values.body(row.get("body")) or values.body(row.get("bodyHTML")),
        dialect=Dialect.MARKDOWN if row.get("body") else Dialect.HTML,
        state=_state(row),
        place=place,
    )
    for reply in values.rows(values.inner(row.get("replies")).get("nodes")):
        yield from _discussion_comments({"replyTo": {"id": row.get("id")}} | reply, page, place, times)


def _state(row: dict[str, Any]) -> State:
    if row.get("deletedAt"):
        return State.DELETED
    if not values.flag(row.get("isMinimized")):
        return State.APPROVED
    return _MINIMIZED.get(values.text(row.get("minimizedReason")).upper(), State.APPROVED)


def _issue_comment(row: dict[str, Any], place: str, times: Times) -> Record:
    user = values.inner(row.get("user"))
    return Record(
        id=values.text(values.pick(row, "node_id", "id")),
        page=values.text(row.get("issue_url")),
        created=times(row.get("created_at")),
        author_name=values.text(user.get("login")),
        author_url=values.text(user.get("html_url")),
        body=values.body(row.get("body")),
        dialect=Dialect.MARKDOWN,
        state=State.APPROVED,
        place=place,
    )
