"""Our own export: JSON lines with pages and comments."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

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
from moderation_service.importing.json_entries import object_lines
from moderation_service.importing.sources import Source

FORMAT = "moderation-service"
VERSION = 1


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
                        yield PageInfo(key=line["url"], url=line["url"], title=line.get("title") or "", own=line)
                    case "alias":
                        yield Moved(old=line["old"], new=line["new"])
                    case "comment":
                        yield _comment(line, place)
            except (KeyError, TypeError, ValueError) as error:
                reason = f"is not as this service writes it: {error!r}"
                raise BrokenFileError(place, reason) from error


def _check_version(line: dict[str, Any], place: str) -> None:
    if line["version"] > VERSION:
        raise BrokenFileError(place, f"is of version {line['version']}, and this one reads up to {VERSION}")


def _comment(line: dict[str, Any], place: str) -> Record:
    return Record(
        id=line["id"],
        parent=line.get("parent_id") or "",
        page=line["page_url"],
        created=datetime.fromisoformat(line["created_at"]).astimezone(UTC),
        author_name=line["author_name"],
        author_email=line.get("author_email") or "",
        author_url=line.get("author_url") or "",
        body=line["body"],
        dialect=Dialect.OURS,
        state=State(line["status"]),
        place=place,
        own=line,
    )
