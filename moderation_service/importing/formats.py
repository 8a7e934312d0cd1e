"""The formats that can be imported, by their names, and telling them apart by what stands in a file."""

from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

from moderation_service.domain.importing.records import BrokenFileError, Entry, Times
from moderation_service.importing.sources import Source


class Reader(Protocol):
    """A module of `readers`."""

    def is_it(self, source: Source) -> bool:
        """Tell whether a source is of the format, without reading more than its begin."""

    def read(self, source: Source, times: Times) -> Iterator[Entry]:
        """Read a source, entry by entry; raise BrokenFileError."""


_MODULES = {
    "wordpress": "wordpress",
    "disqus": "disqus",
    "isso": "isso",
    "isso-json": "isso_json",
    "remark42": "remark42",
    "commento": "commento",
    "comentario": "comentario",
    "cusdis": "cusdis",
    "artalk": "artalk",
    "waline": "waline",
    "valine": "waline",
    "twikoo": "twikoo",
    "hashover": "hashover",
    "staticman": "staticman",
    "blogger": "blogger",
    "github": "github",
    "ghost": "ghost",
    "drupal": "drupal",
    "jsonl": "own",
}
NAMES = tuple(_MODULES)


def reader(name: str) -> Reader:
    """Return the reader of a format; it is loaded only now, with the libraries that it needs."""
    return cast("Reader", import_module(f"moderation_service.importing.readers.{_MODULES[name]}"))


def recognised(source: Source) -> str | None:
    """Return the name of the format that a source seems to be of."""
    names = sorted(_MODULES, key=lambda name: name == "wordpress")  # Disqus has a dialect of it
    return next((name for name in names if reader(name).is_it(source)), None)


def of(name: str, source: Source) -> Reader:
    """Return the reader of a format for a source; raise BrokenFileError where it is of another one."""
    found = reader(name)
    if found.is_it(source):
        return found
    other = recognised(source)
    seems = f"; it looks like {other}" if other is not None else ""
    if not source.is_folder and not source.is_database and not source.head:
        raise BrokenFileError("", f"{source.path} is empty")
    raise BrokenFileError("", f"{source.path} is not of the format {name}{seems}")
