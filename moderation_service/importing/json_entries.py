"""JSON entry by entry: large arrays by a streaming parser, and files with an object a line."""

from collections.abc import Collection, Iterator
from typing import Any

import ijson
import orjson
from ijson.common import ObjectBuilder

from moderation_service.domain.importing.records import BrokenFileError
from moderation_service.importing.sources import Source, Stream, blocks, lines


def objects(stream: Stream, places: Collection[str]) -> Iterator[tuple[str, int, Any]]:
    """Return the values at some places, such as `item` or `data.Comment.item`, in the order of the file.

    Each comes with its place and its number there, from 1 on. Raise BrokenFileError where the file breaks.
    """
    numbers = dict.fromkeys(places, 0)
    builder: ObjectBuilder | None = None
    at = ""
    try:
        for prefix, event, value in ijson.parse(_Bounded(stream), use_float=True):
            if builder is None:
                if prefix not in numbers or event in ("end_map", "end_array"):
                    continue
                at, builder = prefix, ObjectBuilder()
                builder.event(event, value)
                is_whole = event not in ("start_map", "start_array")
            else:
                builder.event(event, value)
                is_whole = prefix == at and event in ("end_map", "end_array")
            if is_whole:
                numbers[at] += 1
                yield at, numbers[at], builder.value
                builder = None
    except ijson.JSONError as error:
        read = sum(numbers.values())
        reason = str(error).strip().splitlines()[0].removeprefix("parse error: ")
        raise BrokenFileError(f"after entry {read:,}", f"is no JSON from here on: {reason}") from error
    except UnicodeDecodeError as error:
        raise BrokenFileError(f"after entry {sum(numbers.values()):,}", "is not UTF-8") from error


def object_lines(stream: Stream, *, ignores: str = "#") -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the objects of a file with one a line, with the lines' numbers; comment lines are passed over."""
    for number, text in lines(stream):
        if text.startswith(ignores):
            continue
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise BrokenFileError(f"line {number:,}", f"is no JSON: {error}") from error
        if not isinstance(value, dict):
            raise BrokenFileError(f"line {number:,}", "is no JSON object")
        yield number, value


class _Bounded:
    """A stream in which no text is longer than it may be: between two quotation marks lies only so much."""

    def __init__(self, stream: Stream) -> None:
        self._blocks = blocks(stream)
        self._longest = stream.longest
        self._since = 0
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        if size == 0:
            return b""
        data = self._rest or next(self._blocks, b"")
        if size > 0:
            data, self._rest = data[:size], data[size:]
        quote = data.rfind(b'"')
        self._since = len(data) - quote if quote >= 0 else self._since + len(data)
        if self._since > self._longest:
            raise BrokenFileError("", f"has a text of more than {self._longest // 1024**2} MB")
        return data


def rows(source: Source, places: Collection[str]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Return the objects of a file that is one JSON document, or has one a line: these are at the place `item`."""
    with source.opened() as stream:
        if _has_lines(source, places):
            for number, line in object_lines(stream):
                yield "item", number, line
            return
        for place, number, value in objects(stream, places):
            if isinstance(value, dict):
                yield place, number, value


def _has_lines(source: Source, places: Collection[str]) -> bool:
    """Tell whether a file has an object a line; a single one is the document if it has what holds the others."""
    found = [line for line in source.head.split(b"\n", 3) if line.strip() and not line.startswith(b"#")]
    if not found or not found[0].lstrip().startswith(b"{"):
        return False
    try:
        first = orjson.loads(found[0])
    except orjson.JSONDecodeError:
        return False
    return not any(place.partition(".")[0] in first for place in places if "." in place)
