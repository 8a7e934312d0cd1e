"""Log lines, on standard error, as JSON or in words, with nothing in them that a visitor wrote."""

import asyncio
import logging
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

_ACCESS = "moderation_service.access"
_ACCESS_IN_JSON = (
    f'{{"timestamp":"%s","level":"info","logger":"{_ACCESS}","event":"request",'
    '"method":"%s","route":"%s","status":%d,"ms":%.2f}\n'
)
_ACCESS_IN_WORDS = f"%s [info     ] request [{_ACCESS}] method=%s route=%s status=%d ms=%.2f\n"


@dataclass(slots=True)
class _Style:
    """How lines are written, for those that are made by hand."""

    in_words: bool = False


_style = _Style()


def configure(*, in_words: bool = False, warnings_only: bool = False) -> None:
    """Send structlog and the standard library's loggers through the same formatter.

    Each line has level, logger, event and the time in UTC with milliseconds, as a JSON object or `in_words`. Other
    libraries are heard from warnings on, and where it `warnings_only` the service too.
    """
    _style.in_words = in_words
    shared: list[Processor] = [
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _stamped,
        where_not_what,
    ]
    renderers: list[Processor] = (
        [
            _exception_in_lines,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
        if in_words
        else [structlog.processors.JSONRenderer(serializer=_dumps)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_name_only, *shared[1:]],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").addFilter(_is_our_mistake)
    logging.getLogger("moderation_service").setLevel(logging.WARNING if warnings_only else logging.INFO)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _is_our_mistake(record: logging.LogRecord) -> bool:
    """Pass over bytes that are no HTTP: the client is answered 400, and could else write errors into the log."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__module__ != "aiohttp.http_exceptions"


class Recurring:
    """A warning that may recur without end: said at once, then every ten seconds, with how often it came."""

    def __init__(self, logger: structlog.stdlib.BoundLogger, event: str, *, say_again_after: float = 10.0) -> None:
        self._logger = logger
        self._event = event
        self._say_again_after = say_again_after
        self._counts: Counter[tuple[tuple[str, str], ...]] = Counter()
        self._warnings_only = False

    def note(self, **words: str) -> None:
        """Say or count that it happened; what happened is told apart by `words`."""
        self._counts[tuple(sorted(words.items()))] += 1
        if not self._warnings_only:
            self._say()

    def _say(self) -> None:
        counts, self._counts = self._counts, Counter()
        self._warnings_only = bool(counts)
        for words, count in counts.items():
            self._logger.warning(self._event, count=count, **dict(words))
        if counts:
            asyncio.get_running_loop().call_later(self._say_again_after, self._say)


class AccessLog:
    """One line for a request; paths and queries hold tokens and addresses and are left out.

    Lines are made by hand, and those of one turn of the event loop are written together: a system call for each
    was a fifth of what a request answered from memory costs.
    """

    def __init__(self) -> None:
        self._is_on = logging.getLogger(_ACCESS).isEnabledFor(logging.INFO)
        self._line = _ACCESS_IN_WORDS if _style.in_words else _ACCESS_IN_JSON
        self._lines: list[str] = []
        self._second = 0
        self._stamp = ""

    def __call__(self, method: str, route: str, status: int, seconds: float) -> None:
        """Write a line; `method` is a token by HTTP's grammar and `route` a row of the route table."""
        if not self._is_on:
            return
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        stamp = f"{self._stamp}.{int((now - second) * 1e3):03d}Z"
        self._lines.append(self._line % (stamp, method, route, status, seconds * 1e3))

    def _flush(self) -> None:
        sys.stderr.write("".join(self._lines))
        self._lines.clear()


def _stamped(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def where_not_what(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its classes and places.

    The texts of exceptions hold what was being worked on: parameters of a query, addresses in a mail
    server's reply, a line of a request.
    """
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    if isinstance(found, BaseException):
        found = (type(found), found, found.__traceback__)
    if found and found[1] is not None:
        event["exception"] = list(_chain(found[1]))
    return event


def _exception_in_lines(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Write the classes and places below each other; the console's renderer takes text only."""
    found = event.pop("exception", None)
    if found:
        event["exception"] = "\n".join(line for one in found for line in (one["class"], *one["at"]))
    return event


def _chain(error: BaseException | None) -> Iterator[dict[str, Any]]:
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        yield {
            "class": f"{type(error).__module__}.{type(error).__qualname__}",
            "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
        }
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _name_only(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Keep of another library's line its template, not its arguments: those may hold what a visitor sent.

    Of several lines the first: asyncio writes the texts of exceptions into those behind it.
    """
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["event"] = str(record.msg).partition("\n")[0]
    return event


def _dumps(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
