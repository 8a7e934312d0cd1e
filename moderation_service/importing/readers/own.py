"""Our own export: JSON lines with pages and comments."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.receipts import AuthorAction
from moderation_service.domain.importing.records import (
    BrokenFileError,
    Dialect,
    Entry,
    Moved,
    PageInfo,
    Record,
    State,
    Times,
)
from moderation_service.domain.moderation.decisions import Channel, Decision
from moderation_service.importing.json_entries import object_lines
from moderation_service.importing.sources import Source

FORMAT = "moderation-service"
VERSION = 1
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_REVISIONS = 1_000_000


def is_it(source: Source) -> bool:
    """Tell whether a file is our export, by its first line."""
    first = source.begin.partition("\n")[0]
    return '"format"' in first and f'"{FORMAT}"' in first


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read the lines; raise BrokenFileError for one that is not as we write them, with all times in UTC."""
    del times
    with source.opened() as stream:
        for number, line in object_lines(stream):
            place = f"line {number:,}"
            try:
                match line.get("type"):
                    case "export":
                        _check_version(line, place)
                    case "page":
                        _check_texts(line, ("url",), ("title", "commenting"))
                        yield PageInfo(key=line["url"], url=line["url"], title=line.get("title") or "", own=line)
                    case "alias":
                        _check_texts(line, ("old", "new"))
                        yield Moved(old=line["old"], new=line["new"])
                    case "comment":
                        yield _comment(line, place)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                reason = f"is not as this service writes it: {error!r}"
                raise BrokenFileError(place, reason) from error


def _check_version(line: dict[str, Any], place: str) -> None:
    if line["version"] > VERSION:
        raise BrokenFileError(place, f"is of version {line['version']}, and this one reads up to {VERSION}")


def _comment(line: dict[str, Any], place: str) -> Record:
    _check_comment(line)
    return Record(
        id=line["id"],
        parent=line.get("parent_id") or "",
        page=line["page_url"],
        created=_moment(line["created_at"]),
        author_name=line["author_name"],
        author_email=line.get("author_email") or "",
        author_url=line.get("author_url") or "",
        body=line["body"],
        dialect=Dialect.OURS,
        state=State(line["status"]),
        place=place,
        own=line,
    )


def _check_comment(line: dict[str, Any]) -> None:
    """Raise ValueError, KeyError or TypeError unless a comment and all that belongs to it are as we write them."""
    _check_texts(line, ("id", "page_url", "author_name", "body"), ("page_title", "author_url", "author_email"))
    for name in ("id", "parent_id", "root_id"):
        _check_id(line, name)
    if any(type(line.get(name, False)) is not bool for name in ("by_site", "redacted")):
        raise ValueError("by_site or redacted is neither true nor false")
    _check_revision(line.get("revision", 1))
    _moment(line.get("changed_at", line["created_at"]))
    for entry in line.get("history", ()):
        _check_texts(entry, (), ("moderator_id", "name", "reason", "rule", "note"))
        _check_revision(entry["revision"])
        _moment(entry["at"])
        Decision(entry["decision"]), Status(entry["from"]), Status(entry["to"]), Channel(entry["means"])
        _check_id(entry, "answer_id")
        _check_revision(entry.get("redacted_as") or 1)
    for entry in line.get("author_changes", ()):
        _check_revision(entry["revision"])
        _moment(entry["at"])
        AuthorAction(entry["action"])
    for kept, moments in (("edit", ("at",)), ("original", ("at", "redacted_at"))):
        if (found := line.get(kept)) is not None:
            _check_texts(found, ("body",))
            _check_revision(found["revision"])
            for name in moments:
                _moment(found[name])


def _check_id(line: dict[str, Any], name: str) -> None:
    if line.get(name) is not None and str(UUID(line[name])) != line[name]:
        raise ValueError(f"{name} is no id")


def _check_texts(line: dict[str, Any], names: Iterable[str], optional: Iterable[str] = ()) -> None:
    values = [line[name] for name in names] + [line[one] for one in optional if line.get(one) is not None]
    if any(not isinstance(one, str) or "\0" in one for one in values):
        raise ValueError("a text is none, or holds a zero byte")


def _check_revision(value: Any) -> None:
    if type(value) is not int or not 0 < value < _MOST_REVISIONS:
        raise ValueError("a revision is none")


def _moment(text: str) -> datetime:
    """Return a moment in UTC, of the years that can be stored."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or at.astimezone(UTC) < _EARLIEST:
        raise ValueError(f"{text} is no moment of a comment")
    return at.astimezone(UTC)
