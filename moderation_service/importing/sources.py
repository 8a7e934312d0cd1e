"""Opening what is imported: a file, packed or not, one member of a ZIP archive, or a folder of files."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self, cast
from urllib.parse import urlsplit

from moderation_service.domain.importing.records import BrokenFileError

LONGEST_TEXT = 8 * 1024 * 1024
"""Bytes that one line or one text of a file may have."""
_HEAD = 256 * 1024
_GZIP, _ZIP, _SQLITE, _BOM = b"\x1f\x8b", b"PK\x03\x04", b"SQLite format 3\0", b"\xef\xbb\xbf"
_BLOCK = 1024 * 1024
_OF_ARCHIVE = (".xml", ".atom", ".json", ".csv", ".ndjson", ".jsonl", ".txt", ".sql")


class Source:
    """What a reader reads; opened as often as it asks.

    With a `url` it is a database of PostgreSQL, and `path` names it without its password. `longest` is how many
    bytes one of its lines or texts may have.
    """

    def __init__(self, path: Path, *, url: str = "", longest: int = LONGEST_TEXT) -> None:
        self.path = path
        self.url = url
        self.longest = longest
        self._head: bytes | None = None
        self._member = ""

    @classmethod
    def at(cls, place: str) -> Self:
        """Return what is at a path, or behind the URL of a database."""
        if place.startswith(("postgresql://", "postgres://")):
            parts = urlsplit(place)
            return cls(Path(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"), url=place)
        return cls(Path(place.removeprefix("sqlite:///")))

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return not self.url and self.path.is_dir()

    @property
    def is_database(self) -> bool:
        """Whether it is a SQLite file, or a database of PostgreSQL."""
        return bool(self.url) or (not self.is_folder and self.head.startswith(_SQLITE))

    @property
    def head(self) -> bytes:
        """The first bytes, unpacked, by which formats are told apart; none of a folder."""
        if self._head is None:
            self._head = b""
            if not self.is_folder and not self.url:
                with self.opened() as stream:
                    self._head = stream.read(_HEAD)
        return self._head

    @property
    def begin(self) -> str:
        """The head as text, as far as ASCII goes."""
        is_wide = self.head.startswith((b"\xff\xfe", b"\xfe\xff"))
        return self.head.decode("utf-16", errors="ignore") if is_wide else self.head.decode("latin-1")

    @contextmanager
    def opened(self) -> Iterator["Stream"]:
        """Open the file, unpacked and without a byte order mark of UTF-8."""
        if self.is_folder:
            raise BrokenFileError("", f"{self.path} is a folder, and this format is a file")
        with self.path.open("rb") as raw:
            start = raw.read(4)
            raw.seek(0)
            if start.startswith(_ZIP):
                yield from self._of_archive(raw)
            elif start.startswith(_GZIP):
                yield Stream(cast("BinaryIO", gzip.GzipFile(fileobj=raw)), self.longest)
            else:
                yield Stream(raw, self.longest)

    def _of_archive(self, raw: BinaryIO) -> Iterator["Stream"]:
        """Open the largest file of an archive that may hold comments; what Macs put beside it is none."""
        try:
            with zipfile.ZipFile(raw) as archive:
                named = [
                    one
                    for one in archive.infolist()
                    if one.filename.lower().endswith(_OF_ARCHIVE) and "__MACOSX/" not in one.filename
                ]
                if not named:
                    raise BrokenFileError("", "the archive holds no file with comments")
                member = max(named, key=lambda one: (one.filename.endswith(".atom"), one.file_size))
                with archive.open(member) as stream:
                    yield Stream(cast("BinaryIO", stream), self.longest)
        except zipfile.BadZipFile as error:
            raise BrokenFileError("", f"the archive cannot be read: {error}") from error


class Stream:
    """A stream that turns what is wrong with packed bytes into BrokenFileError, and drops a byte order mark.

    `longest` is how many bytes one of its lines or texts may have.
    """

    def __init__(self, stream: BinaryIO, longest: int = LONGEST_TEXT) -> None:
        self.longest = longest
        self._stream = stream
        self._count = 0
        self._begun = False

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, or all."""
        data = self._safely(lambda: self._stream.read(size))
        return self._without_mark(data)

    def readline(self, limit: int) -> bytes:
        """Read a line, of which at most so many bytes."""
        return self._without_mark(self._safely(lambda: self._stream.readline(limit)))

    def _safely(self, read: object) -> bytes:
        try:
            data: bytes = read()  # type: ignore[operator]
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
            raise BrokenFileError(f"after byte {self._count:,}", f"the packed file is damaged: {error}") from error
        self._count += len(data)
        return data

    def _without_mark(self, data: bytes) -> bytes:
        if not self._begun:
            self._begun = True
            return data.removeprefix(_BOM)
        return data


def blocks(stream: Stream) -> Iterator[bytes]:
    """Read a stream to its end."""
    while block := stream.read(64 * 1024):
        yield block


def lines(stream: Stream, *, with_blank: bool = False) -> Iterator[tuple[int, str]]:
    """Return the lines of a text in UTF-8 with their numbers; those that hold nothing only if asked to."""
    number = 0
    while line := stream.readline(stream.longest + 1):
        number += 1
        if len(line) > stream.longest:
            raise BrokenFileError(f"line {number:,}", f"is longer than {stream.longest // _BLOCK} MB")
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise BrokenFileError(f"line {number:,}", "is not UTF-8") from error
        if with_blank or text.strip():
            yield number, text


def whole(stream: Stream, place: str) -> bytes:
    """Return all of a small file."""
    data = stream.read(stream.longest + 1)
    if len(data) > stream.longest:
        raise BrokenFileError(place, f"is larger than {stream.longest // _BLOCK} MB")
    return data
