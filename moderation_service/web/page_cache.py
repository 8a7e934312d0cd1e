"""Answers to lists, kept as bytes until their page changes."""

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from multidict import CIMultiDict

CAPACITY = 16 * 1024 * 1024
"""Bytes of answers that one process keeps."""

_OVERHEAD = 1_000
_WORTH_COMPRESSING = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Which stretch of which page."""

    page_id: str
    after: str | None
    limit: int
    newest_first: bool


class Answer:
    """An answer as it goes over the wire, in both encodings, each with its ETag and headers."""

    def __init__(self, body: bytes, headers: Mapping[str, str], *, content_type: str = "application/json") -> None:
        """Derive the ETags from the bytes, so that all replicas agree."""
        digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        self._kind = {"Content-Type": content_type}
        self.plain = Encoded(body, f'"{digest}"', headers, self._kind)
        self._headers = headers
        self._gzip_etag = f'"{digest}-gzip"'
        self._gzip: Encoded | None = None

    def encoded(self, accept_encoding: str) -> "Encoded":
        """Return the form that suits a reader; the compressed one is made once."""
        if "gzip" not in accept_encoding or len(self.plain.body) < _WORTH_COMPRESSING:
            return self.plain
        if self._gzip is None:
            body = gzip.compress(self.plain.body, mtime=0)
            self._gzip = Encoded(body, self._gzip_etag, self._headers, self._kind | {"Content-Encoding": "gzip"})
        return self._gzip

    def size(self) -> int:
        """Return about how many bytes are kept; the compressed form counts from the start."""
        return len(self.plain.body) * 4 // 3 + _OVERHEAD


class Encoded:
    """The bytes of an answer and its headers, for readers who lack it and for those who have it."""

    __slots__ = ("body", "etag", "headers", "not_modified")

    def __init__(self, body: bytes, etag: str, common: Mapping[str, str], own: Mapping[str, str]) -> None:
        """Put the headers together once."""
        self.body = body
        self.etag = etag
        self.not_modified = CIMultiDict({**common, "ETag": etag})
        self.headers = CIMultiDict({**common, "ETag": etag, **own})


@dataclass(slots=True)
class _Fill:
    """An answer being made; a page that changes meanwhile makes it too old to keep."""

    answer: asyncio.Future[Answer]
    is_outdated: bool = False


class PageCache:
    """The answers asked for last, bounded in bytes."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._size = 0
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._keys: dict[str, set[Key]] = {}
        self._fills: dict[Key, _Fill] = {}

    def get(self, key: Key) -> Answer | None:
        """Return a kept answer."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    async def fill(self, key: Key, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make an answer, once for all who ask at the same moment; keep it unless its page changed meanwhile."""
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

    def _end(self, key: Key, fill: _Fill) -> None:
        if self._fills.get(key) is fill:
            del self._fills[key]
        if fill.answer.cancelled() or fill.answer.exception() is not None or fill.is_outdated:
            return
        answer = fill.answer.result()
        if answer.size() > self._capacity:
            return
        if key in self._answers:
            self._forget(key)
        self._answers[key] = answer
        self._keys.setdefault(key.page_id, set()).add(key)
        self._size += answer.size()
        while self._size > self._capacity:
            self._forget(next(iter(self._answers)))

    def _forget(self, key: Key) -> None:
        self._size -= self._answers.pop(key).size()
        keys = self._keys[key.page_id]
        keys.discard(key)
        if not keys:
            del self._keys[key.page_id]
