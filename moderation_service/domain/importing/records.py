"""What a file of another comment system says, in words that all formats share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where a comment stood in the other system."""

    APPROVED = "approved"
    PENDING = "pending"
    REJECTED = "rejected"
    SPAM = "spam"
    WITHDRAWN = "withdrawn"
    DELETED = "deleted"
    """Its text is gone or has to stay away; only its place in the thread is kept."""


class Dialect(StrEnum):
    """How a text is written."""

    OURS = "ours"
    MARKDOWN = "markdown"
    """Any other Markdown, perhaps with HTML in it."""
    HTML = "html"
    HTML_LINES = "html_lines"
    """HTML in which line breaks count, as WordPress shows it."""
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A comment as the file has it.

    `id` names it within the file, `key` beyond it, where its id alone would be that of another comment in another
    file of the format. `parent` is the id of what it answers, empty where it answers nothing, and `thread` that of
    the first comment of its thread, which it answers where the other is gone. `page` is the key of
    a `PageInfo`, or an address or a path itself, and `person` the key of a `Person`, whose values go before those
    of the record. `created` is None where the file has no date, or none that can be. `own` holds what only our own
    export has.
    """

    id: str
    page: str
    body: str
    dialect: Dialect
    state: State
    place: str
    key: str = ""
    parent: str = ""
    thread: str = ""
    person: str = ""
    created: datetime | None = None
    author_name: str = ""
    author_email: str = field(default="", repr=False)
    author_url: str = ""
    own: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageInfo:
    """A page that comments name by its key, before or after them.

    `url` is an address, a path, or what the system calls the page; `held` if not everybody could read the page, so
    that its comments are to wait; `number` is what WordPress calls it. `left_out` says why its comments stay away.
    """

    key: str
    url: str
    title: str = ""
    held: bool = False
    number: str = ""
    left_out: str = ""
    own: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An author whom comments name by a key, before or after them."""

    key: str
    name: str
    email: str = field(default="", repr=False)
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An entry that is no comment, or none that can come in."""

    reason: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something of an entry that is lost though it comes in, or worth knowing."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An address that leads to another page now; only our own export says that."""

    old: str
    new: str


Entry = Record | PageInfo | Person | LeftOut | Noted | Moved

Times = Callable[[object], datetime | None]
"""Reads a stamp of the file; one without a zone is of the declared one."""


class BrokenFileError(Exception):
    """A file cannot be read from a place on; what came before it is as good as ever."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.place = place
        self.reason = reason
