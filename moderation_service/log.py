"""Log lines: one JSON object each, on standard error, with nothing in them that a visitor wrote."""

import asyncio
import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger


def configure(*, for_people: bool = False) -> None:
    """Send structlog and the standard library's loggers through the same door.

    Other libraries are heard from warnings on; `for_people`, so is the service, in words instead of JSON.
    """
    shared: list[Processor] = [
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        where_not_what,
    ]
    in_words = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    renderers: list[Processor] = (
        [_exception_in_lines, in_words] if for_people else [structlog.processors.JSONRenderer(serializer=_dumps)]
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
    logging.getLogger("moderation_service").setLevel(logging.WARNING if for_people else logging.INFO)
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


class AccessLog:
    """One line for a request; paths and queries hold tokens and addresses and are left out.

    Lines are made by hand, and those of one turn of the event loop are written together: a system call for each
    was a fifth of what a request answered from memory costs.
    """

    def __init__(self) -> None:
        self._is_on = logging.getLogger("moderation_service.access").isEnabledFor(logging.INFO)
        self._lines: list[str] = []
        self._second = 0
        self._stamp = ""

    def __call__(self, method: str, route: str, status: int, seconds: float) -> None:
        """Write a line; `method` is a token by HTTP's grammar and `route` a row of the route table."""
        if not self._is_on:
            return
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._stamp = datetime.fromtimestamp(now, UTC).isoformat()
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(
            f'{{"event":"request","timestamp":"{self._stamp}","method":"{method}","route":"{route}",'
            f'"status":{status},"ms":{seconds * 1e3:.2f}}}\n'
        )

    def _flush(self) -> None:
        sys.stderr.write("".join(self._lines))
        self._lines.clear()


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


def _chain(error: BaseException | None) -> Any:
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
