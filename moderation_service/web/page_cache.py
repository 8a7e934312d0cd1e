"""Answers to lists, kept as bytes until their page changes."""

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

CAPACITY = 32 * 1024 * 1024
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


@dataclass(slots=True)
class Answer:
    """A list as it goes over the wire, with the ETags of both of its encodings."""

    body: bytes
    last_modified: str | None
    etag: str = field(init=False)
    gzip_etag: str = field(init=False)
    _gzip: bytes | None = None

    def __post_init__(self) -> None:
        """Derive the ETags from the bytes, so that all replicas agree."""
        digest = hashlib.blake2b(self.body, digest_size=16).hexdigest()
        self.etag, self.gzip_etag = f'"{digest}"', f'"{digest}-gzip"'

    @property
    def is_worth_compressing(self) -> bool:
        """Whether a compressed answer would be smaller by more than it costs."""
        return len(self.body) >= _WORTH_COMPRESSING

    def gzip(self) -> bytes:
        """Return the compressed bytes, made once."""
        if self._gzip is None:
            self._gzip = gzip.compress(self.body, mtime=0)
        return self._gzip

    def size(self) -> int:
        """Return about how many bytes are kept; the compressed form counts from the start."""
        return len(self.body) * 4 // 3 + _OVERHEAD


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
