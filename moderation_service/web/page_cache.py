"""Answers to lists and pages, kept as bytes until what they show changes."""

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import formatdate
from typing import Protocol

from multidict import CIMultiDict

MEGABYTE = 1024 * 1024
CAPACITY = 64 * MEGABYTE
"""Bytes of answers that one process keeps, unless it is told otherwise."""

_OVERHEAD = 1_500
_WORTH_COMPRESSING = 500
_LONG = 64 * 1024
_LEVEL = 6


class Keyed(Hashable, Protocol):
    """What an answer is kept by: it names the page whose changes end it."""

    @property
    def page_id(self) -> str:
        """The page's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Which stretch of which page."""

    page_id: str
    after: str | None
    limit: int
    newest_first: bool


class Answer:
    """An answer as it goes over the wire, in both encodings, each with its ETag and headers."""

    def __init__(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        content_type: str = "application/json",
        last_change: datetime | None = None,
    ) -> None:
        """Derive the ETags from the bytes, so that all replicas agree; `last_change` is the other validator."""
        digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        self._kind = {"Content-Type": content_type}
        self.last_modified = None if last_change is None else last_change.replace(microsecond=0)
        if self.last_modified is not None:
            headers = {**headers, "Last-Modified": formatdate(self.last_modified.timestamp(), usegmt=True)}
        self.plain = Encoded(body, f'"{digest}"', headers, self._kind)
        self._headers = headers
        self._gzip_etag = f'"{digest}-gzip"'
        self._gzip: Encoded | None = None

    def encoded(self, accept_encoding: str) -> "Encoded":
        """Return the form that suits a reader; the compressed one is made once."""
        if "gzip" not in accept_encoding or len(self.plain.body) < _WORTH_COMPRESSING:
            return self.plain
        if self._gzip is None:
            self._gzip = self._compressed()
        return self._gzip

    async def compress(self) -> None:
        """Make the compressed form of a long answer, while others are served; a short one is soon made."""
        if self._gzip is None and len(self.plain.body) > _LONG:
            self._gzip = await asyncio.to_thread(self._compressed)

    def size(self) -> int:
        """Return about how many bytes are kept; the compressed form counts from the start."""
        compressed = len(self.plain.body) // 3 if self._gzip is None else len(self._gzip.body)
        return len(self.plain.body) + compressed + _OVERHEAD

    def _compressed(self) -> "Encoded":
        body = gzip.compress(self.plain.body, _LEVEL, mtime=0)
        return Encoded(body, self._gzip_etag, self._headers, self._kind | {"Content-Encoding": "gzip"})


class Encoded:
    """The bytes of an answer and its headers, for readers who lack it and for those who have it."""

    __slots__ = ("_common", "_not_modified", "body", "etag", "headers")

    def __init__(self, body: bytes, etag: str, common: Mapping[str, str], own: Mapping[str, str]) -> None:
        """Put the headers together once; those of a 304 when the first reader has the answer already."""
        self.body = body
        self.etag = etag
        self.headers = CIMultiDict({**common, "ETag": etag, **own})
        self._common = common
        self._not_modified: CIMultiDict[str] | None = None

    @property
    def not_modified(self) -> CIMultiDict[str]:
        """The headers of a 304."""
        if self._not_modified is None:
            self._not_modified = CIMultiDict({**self._common, "ETag": self.etag})
        return self._not_modified


@dataclass(slots=True)
class _Fill:
    """An answer being made; a page that changes meanwhile makes it too old to keep."""

    answer: asyncio.Future[Answer]
    is_outdated: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer, and what it was counted as."""

    answer: Answer
    size: int


class PageCache:
    """The answers asked for last, bounded in bytes."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self.size = 0
        """About how many bytes are kept."""
        self.hits = 0
        self.misses = 0
        self._answers: OrderedDict[Keyed, _Kept] = OrderedDict()
        self._keys: dict[str, set[Keyed]] = {}
        self._fills: dict[Keyed, _Fill] = {}

    def get(self, key: Keyed) -> Answer | None:
        """Return a kept answer."""
        kept = self._answers.get(key)
        if kept is None:
            return None
        self._answers.move_to_end(key)
        self.hits += 1
        return kept.answer

    async def fill(self, key: Keyed, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make an answer, once for all who ask at the same moment; keep it unless its page changed meanwhile."""
        self.misses += 1
        fill = self._fills.get(key)
        if fill is not None and not fill.is_outdated:
            return await asyncio.shield(fill.answer)
        fill = self._fills[key] = _Fill(asyncio.ensure_future(make()))
        fill.answer.add_done_callback(lambda _: self._end(key, fill))
        return await asyncio.shield(fill.answer)

    def drop(self, page_ids: Iterable[str]) -> None:
        """Forget all answers of pages that changed."""
        gone = set(page_ids)
        for page_id in gone:
            for key in list(self._keys.get(page_id, ())):
                self._forget(key)
        for key, fill in self._fills.items():
            if key.page_id in gone:
                fill.is_outdated = True

    def clear(self) -> None:
        """Forget all answers, and keep none that is being made."""
        for key in list(self._answers):
            self._forget(key)
        for fill in self._fills.values():
            fill.is_outdated = True

    def _end(self, key: Keyed, fill: _Fill) -> None:
        if self._fills.get(key) is fill:
            del self._fills[key]
        if fill.answer.cancelled() or fill.answer.exception() is not None or fill.is_outdated:
            return
        answer = fill.answer.result()
        size = answer.size()
        if size > self._capacity:
            return
        if key in self._answers:
            self._forget(key)
        self._answers[key] = _Kept(answer, size)
        self._keys.setdefault(key.page_id, set()).add(key)
        self.size += size
        while self.size > self._capacity:
            self._forget(next(iter(self._answers)))

    def _forget(self, key: Keyed) -> None:
        self.size -= self._answers.pop(key).size
        keys = self._keys[key.page_id]
        keys.discard(key)
        if not keys:
            del self._keys[key.page_id]
