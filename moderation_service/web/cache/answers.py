"""Answers to readers, kept as bytes until what they show changes."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import formatdate
from functools import lru_cache, partial

from multidict import CIMultiDict

from moderation_service.services.comments.listing import Wanted
from moderation_service.web.http import content_coding
from moderation_service.web.http.content_coding import Coding

MEGABYTE = 1024 * 1024
CAPACITY = 64 * MEGABYTE
"""Bytes of answers that one process keeps, where no other size is set."""

_OVERHEAD = 1_500
_FOR_EACH_SUBJECT = 400
_WORTH_COMPRESSING = 500
_LONG = 64 * 1024
_compressor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compressor")
"""A thread of its own: looking up names and sending files share others, and neither is to wait for this."""
_DAYS_REMEMBERED = 4_096
_DIGITS = 32
_HASHED_AT_ONCE = 2_047
"""Bytes up to which hashlib keeps the interpreter.

To hand it to a reading thread and get it back takes several times as long as to hash an answer.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Which slice of which page."""

    page_id: str
    wanted: Wanted


class Answer:
    """An answer as it goes over the wire, plain and compressed, each form with its ETag and headers."""

    def __init__(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        content_type: str = "application/json",
        last_change: datetime | None = None,
        ends_at: datetime | None = None,
    ) -> None:
        """Derive the ETags from the bytes, so that all replicas agree; `last_change` is the other validator.

        From `ends_at` on another answer is due, although nothing changed on disk; None where time changes nothing.
        """
        self.ends_at = ends_at
        self.on_growth: Callable[[int], None] | None = None
        """Told by how many bytes the answer grew, when a compressed form was made."""
        digest = _digest(body)
        self._kind = {"Content-Type": content_type}
        self.last_modified = None if last_change is None else last_change.astimezone(UTC).replace(microsecond=0)
        if self.last_modified is not None:
            headers = {**headers, "Last-Modified": _http_date(self.last_modified)}
        self.plain = Encoded(body, f'"{digest}"', headers, self._kind)
        self._headers = headers
        self._digest = digest
        self._compressed: dict[Coding, Encoded] = {}
        self._compressing: dict[Coding, asyncio.Future[bytes]] = {}

    async def encoded(self, accept_encoding: str) -> "Encoded":
        """Return the form that suits a reader with this header.

        A compressed form is made when the first reader takes it, that of a long answer while others are served.
        """
        if len(self.plain.body) < _WORTH_COMPRESSING:
            return self.plain
        coding = content_coding.preferred(accept_encoding)
        if coding is None:
            return self.plain
        return self._compressed.get(coding) or await self._compress(coding)

    def size(self) -> int:
        """Return about how many bytes are kept by now."""
        return len(self.plain.body) + sum(len(one.body) for one in self._compressed.values()) + _OVERHEAD

    async def _compress(self, coding: Coding) -> "Encoded":
        """Make a compressed form, once for all who ask meanwhile, whoever of them leaves."""
        if len(self.plain.body) <= _LONG:
            return self._keep(coding, content_coding.compress(coding, self.plain.body))
        compressing = self._compressing.get(coding)
        if compressing is None:
            compressing = asyncio.get_running_loop().run_in_executor(
                _compressor, content_coding.compress, coding, self.plain.body
            )
            self._compressing[coding] = compressing
            compressing.add_done_callback(lambda _: self._compressing.pop(coding, None))
        body = await asyncio.shield(compressing)
        return self._compressed.get(coding) or self._keep(coding, body)

    def _keep(self, coding: Coding, body: bytes) -> "Encoded":
        made = Encoded(
            body,
            f'"{self._digest}-{coding}"',
            self._headers,
            self._kind | {"Content-Encoding": coding.value},
        )
        self._compressed[coding] = made
        if self.on_growth is not None:
            self.on_growth(len(body))
        return made


def _http_date(moment: datetime) -> str:
    """Write a moment of UTC as headers do (RFC 9110, 5.6.7)."""
    return f"{_http_day(moment.date())} {moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"


@lru_cache(_DAYS_REMEMBERED)
def _http_day(day: date) -> str:
    written = formatdate(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp(), usegmt=True)
    return written.removesuffix(" 00:00:00 GMT")


def _digest(body: bytes) -> str:
    if len(body) > _LONG:
        return hashlib.sha256(body).hexdigest()[:_DIGITS]
    hashed = hashlib.sha256()
    for start in range(0, len(body), _HASHED_AT_ONCE):
        hashed.update(body[start : start + _HASHED_AT_ONCE])
    return hashed.hexdigest()[:_DIGITS]


class Encoded:
    """The bytes of an answer and its headers, for readers who lack it and for those who have it."""

    __slots__ = ("_common", "_head", "_headers", "_not_modified", "_not_modified_head", "_own", "body", "etag")

    def __init__(self, body: bytes, etag: str, common: Mapping[str, str], own: Mapping[str, str]) -> None:
        """Take what goes over the wire; headers are put together once, when they are first asked for."""
        self.body = body
        self.etag = etag
        self._common = common
        self._own = own
        self._headers: CIMultiDict[str] | None = None
        self._not_modified: CIMultiDict[str] | None = None
        self._head: bytes | None = None
        self._not_modified_head: bytes | None = None

    @property
    def headers(self) -> CIMultiDict[str]:
        """The headers, without the length of the body."""
        if self._headers is None:
            self._headers = CIMultiDict({**self._common, "ETag": self.etag, **self._own})
        return self._headers

    @property
    def head(self) -> bytes:
        """The headers in bytes, with the length of the body."""
        if self._head is None:
            length = {"Content-Length": str(len(self.body))}
            self._head = _written({**self._common, "ETag": self.etag, **self._own, **length})
        return self._head

    @property
    def not_modified_head(self) -> bytes:
        """The headers of a 304 in bytes."""
        if self._not_modified_head is None:
            self._not_modified_head = _written(self.not_modified)
        return self._not_modified_head

    @property
    def not_modified(self) -> CIMultiDict[str]:
        """The headers of a 304."""
        if self._not_modified is None:
            self._not_modified = CIMultiDict({**self._common, "ETag": self.etag})
        return self._not_modified


def _written(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")


class _Fill:
    """An answer being made by whoever asked first; a subject that changes meanwhile makes it too old to keep."""

    __slots__ = ("_others", "is_outdated", "subjects")

    def __init__(self, subjects: Collection[str]) -> None:
        self.subjects = subjects
        self.is_outdated = False
        self._others: asyncio.Future[Answer | None] | None = None

    async def wait(self) -> Answer | None:
        """Return the answer when it is made, None where its maker left before; raise what the maker met."""
        if self._others is None:
            self._others = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._others)

    def end(self, made: Answer | Exception | None) -> None:
        """Tell those who wait what came of it."""
        if self._others is None:
            return
        if isinstance(made, Exception):
            self._others.set_exception(made)
        else:
            self._others.set_result(made)


@dataclass(slots=True)
class _Kept:
    """An answer, whose changes end it, and what it is counted as."""

    answer: Answer
    subjects: Collection[str]
    size: int


class PageCache:
    """The answers asked for last, bounded in bytes.

    Each is kept under a key for its subjects: the ids of the pages that it shows, or of the site where it may show
    any page. A change of one of them ends it.
    """

    def __init__(
        self,
        capacity: int = CAPACITY,
        *,
        on_hit: Callable[[], None] = lambda: None,
        on_miss: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Begin empty; `on_hit` and `on_miss` are called for each answer asked for, kept or not."""
        self._clock = clock
        self._capacity = capacity
        self.size = 0
        """About how many bytes are kept."""
        self._on_hit = on_hit
        self._on_miss = on_miss
        self._answers: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._keys: dict[str, set[Hashable]] = {}
        self._fills: dict[Hashable, _Fill] = {}

    def get(self, key: Hashable) -> Answer | None:
        """Return a kept answer that has not ended."""
        kept = self._answers.get(key)
        if kept is None:
            return None
        if kept.answer.ends_at is not None and kept.answer.ends_at <= self._clock():
            self._forget(key)
            return None
        self._answers.move_to_end(key)
        self._on_hit()
        return kept.answer

    async def fill(
        self, key: Hashable, subjects: Collection[str], make: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Make an answer, once for all who ask at the same moment; keep it unless a subject changed meanwhile.

        Whoever asks first makes it; where that one leaves, another who waits does.
        """
        self._on_miss()
        while (fill := self._fills.get(key)) is not None and not fill.is_outdated:
            found = await fill.wait()
            if found is not None:
                return found
        return await self._make(key, subjects, make)

    async def _make(
        self, key: Hashable, subjects: Collection[str], make: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        fill = self._fills[key] = _Fill(subjects)
        made: Answer | Exception | None = None
        try:
            made = await make()
        except Exception as error:
            made = error
            raise
        finally:
            if self._fills.get(key) is fill:
                del self._fills[key]
            fill.end(made)
        if not fill.is_outdated:
            self._keep(key, subjects, made)
        return made

    def drop(self, changed: Iterable[str]) -> None:
        """Forget all answers whose subjects, pages or sites, changed."""
        gone = set(changed)
        for subject in gone:
            for key in list(self._keys.get(subject, ())):
                self._forget(key)
        for fill in self._fills.values():
            if not gone.isdisjoint(fill.subjects):
                fill.is_outdated = True

    def clear(self) -> None:
        """Forget all answers, and keep none that is being made."""
        for key in list(self._answers):
            self._forget(key)
        for fill in self._fills.values():
            fill.is_outdated = True

    def _keep(self, key: Hashable, subjects: Collection[str], answer: Answer) -> None:
        size = answer.size() + _FOR_EACH_SUBJECT * len(subjects)
        if size > self._capacity:
            return
        if key in self._answers:
            self._forget(key)
        self._answers[key] = _Kept(answer, subjects, size)
        answer.on_growth = partial(self._count, key)
        for subject in subjects:
            self._keys.setdefault(subject, set()).add(key)
        self.size += size
        self._make_room()

    def _count(self, key: Hashable, added: int) -> None:
        """Count what a kept answer grew by."""
        self._answers[key].size += added
        self.size += added
        self._make_room()

    def _make_room(self) -> None:
        while self.size > self._capacity:
            self._forget(next(iter(self._answers)))

    def _forget(self, key: Hashable) -> None:
        kept = self._answers.pop(key)
        kept.answer.on_growth = None
        self.size -= kept.size
        for subject in kept.subjects:
            keys = self._keys[subject]
            keys.discard(key)
            if not keys:
                del self._keys[subject]
