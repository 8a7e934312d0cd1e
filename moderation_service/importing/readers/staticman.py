"""Staticman: a folder with a file for each comment, in YAML, JSON, or Markdown with front matter."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import yaml

from moderation_service.domain.importing.records import (
    BrokenFileError,
    Dialect,
    Entry,
    LeftOut,
    PageInfo,
    Record,
    State,
    Times,
)
from moderation_service.importing import sources, values
from moderation_service.importing.sources import Source

_ENDINGS = (".yml", ".yaml", ".json", ".md")
_FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*\n?(.*)\Z", re.DOTALL)
_TEXTS = ("message", "comment", "body", "content", "text")
_LOOKED_AT = 20


def is_it(source: Source) -> bool:
    """Tell whether it is a folder with files that hold a name and a text."""
    if not source.is_folder:
        return False
    for number, file in enumerate(_files(source.path)):
        if number == _LOOKED_AT:
            break
        try:
            if _is_comment(_row(file)):
                return True
        except BrokenFileError:
            continue
    return False


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read the files folder by folder, in the order of their names, which some themes number answers by."""
    for folder in sorted({file.parent for file in _files(source.path)}):
        found: list[tuple[Path, dict[str, Any]]] = []
        for file in _files(folder, deep=False):
            place = str(file.relative_to(source.path))
            try:
                row = _row(file)
            except BrokenFileError:
                yield LeftOut(reason="files that cannot be read", place=place)
                continue
            if _is_comment(row):
                found.append((file, row))
            else:
                yield LeftOut(reason="files that hold no comment", place=place)
        if found:
            yield from _of_page(source.path, folder, found, times)


def _of_page(root: Path, folder: Path, found: list[tuple[Path, dict[str, Any]]], times: Times) -> Iterator[Entry]:
    slug = str(folder.relative_to(root)) if folder != root else folder.name
    ids = {str(_id(root, file, row)) for file, row in found}
    paths = [values.text(row.get("_parent")) for _, row in found]
    path = next((one for one in paths if one.startswith(("/", "http://", "https://")) and one not in ids), "")
    yield PageInfo(key=slug, url=path or slug)
    roots = [_id(root, file, row) for file, row in found if not _named_parent(row, ids) and not _place_of(row)]
    for file, row in found:
        parent = _named_parent(row, ids)
        place = _place_of(row)
        if not parent and place and place <= len(roots):
            parent = roots[place - 1]
        yield Record(
            id=_id(root, file, row),
            parent=parent,
            page=slug,
            created=times(values.pick(row, "date", "timestamp", "created")),
            author_name=values.text(values.pick(row, "name", "author", "nick")),
            author_email=_address(values.text(row.get("email"))),
            author_url=values.text(values.pick(row, "url", "website", "link", "site")),
            body=values.body(values.pick(row, *_TEXTS)),
            dialect=Dialect.MARKDOWN,
            state=State.APPROVED,
            place=str(file.relative_to(root)),
        )


def _files(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    found = folder.rglob("*") if deep else folder.iterdir()
    return (one for one in sorted(found) if one.suffix.lower() in _ENDINGS and one.is_file())


def _row(file: Path) -> dict[str, Any]:
    with Source(file).opened() as stream:
        data = sources.whole(stream, file.name)
    try:
        if file.suffix == ".json":
            return values.inner(orjson.loads(data))
        text = data.decode("utf-8-sig")
        if (match := _FRONT.match(text)) is None:
            return values.inner(yaml.safe_load(text))
        front = values.inner(yaml.safe_load(match[1]))
    except (yaml.YAMLError, orjson.JSONDecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BrokenFileError(file.name, f"cannot be read: {error}") from error
    return front | ({"message": match[2].strip()} if match[2].strip() else {})


def _is_comment(row: dict[str, Any]) -> bool:
    return bool(values.body(values.pick(row, *_TEXTS))) and bool(
        row.keys() & {"name", "author", "nick", "_id", "date"}
    )


def _id(root: Path, file: Path, row: dict[str, Any]) -> str:
    return values.text(values.pick(row, "_id", "id")) or str(file.relative_to(root))


def _named_parent(row: dict[str, Any], ids: set[str]) -> str:
    named = (values.text(row.get(one)) for one in ("replying_to_uid", "reply_to", "_parent", "parent"))
    return next((one for one in named if one in ids), "")


def _place_of(row: dict[str, Any]) -> int:
    """Return the place, from 1, of the first-level comment that is answered; 0 for none."""
    place = values.text(row.get("replying_to"))
    return int(place) if place.isdecimal() and len(place) < 6 else 0  # noqa: PLR2004 - no page has so many


def _address(text: str) -> str:
    """Return an address, and nothing where only a hash of it was kept."""
    return text if "@" in text else ""
