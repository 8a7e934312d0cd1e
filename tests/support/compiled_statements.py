"""Compiling each SQL statement once a run, not once an engine.

SQLAlchemy keeps compiled statements by engine and by dialect object. A service has one of each; the tests start
thousands of services, and half of the time in which one starts went into compiling the same hundred statements.
"""

from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

_KEPT = 2_000


def share() -> None:
    """Let all engines with the same driver share what is compiled: their dialects are set up alike."""
    caches: dict[type[object], LRUCache[object, object]] = {}

    def cache_of(engine: Engine) -> LRUCache[object, object]:
        return caches.setdefault(type(engine.dialect), LRUCache(_KEPT))

    Engine._compiled_cache = property(cache_of, lambda _, __: None)  # type: ignore[assignment]
    DefaultDialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    DefaultDialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
