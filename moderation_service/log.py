"""Log lines: one JSON object each, on standard error, with nothing in them that a visitor wrote."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

_access = logging.getLogger("moderation_service.access")


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
    renderers: list[Processor] = (
        [_exception_in_lines, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if for_people
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
    logging.getLogger("moderation_service").setLevel(logging.WARNING if for_people else logging.INFO)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def access(method: str, route: str | None, status: int, seconds: float) -> None:
    """Write one line for a request; paths and queries hold tokens and addresses and are left out."""
    if _access.isEnabledFor(logging.INFO):
        line = {
            "event": "request",
            "timestamp": datetime.now(UTC),
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1e3, 2),
        }
        sys.stderr.write(f"{_dumps(line)}\n")


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
    """Keep of another library's line its template, not its arguments: those may hold what a visitor sent."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["event"] = str(record.msg)
    return event


def _dumps(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
