"""What the disk and SQLite can do by themselves."""

import os
import sqlite3
import time
from pathlib import Path

from bench.table import Table

_ROW = ("x" * 300,)


def fsyncs(folder: Path, *, count: int = 200) -> float:
    """Return how many appends of 4 KiB a second reach the disk, one after the other."""
    file = os.open(folder / "fsync", os.O_CREAT | os.O_WRONLY)
    began = time.perf_counter()
    for number in range(count):
        os.pwrite(file, b"x" * 4096, number * 4096)
        os.fdatasync(file)
    took = time.perf_counter() - began
    os.close(file)
    return count / took


def inserts(folder: Path, *, together: int, count: int = 3_000) -> float:
    """Return how many rows a second plain SQLite keeps, so many to a transaction."""
    connection = sqlite3.connect(folder / f"plain{together}.db", isolation_level=None)
    connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (a TEXT);")
    began = time.perf_counter()
    for _ in range(count // together):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO t VALUES (?)", [_ROW] * together)
        connection.execute("COMMIT")
    took = time.perf_counter() - began
    connection.close()
    return count / took


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    table.note("fsync of 4 KiB, one after the other", f"{fsyncs(folder):,.0f}")
    table.note("plain SQLite, a transaction for each row", f"{inserts(folder, together=1, count=500):,.0f}")
    table.note("plain SQLite, 32 rows to a transaction", f"{inserts(folder, together=32):,.0f}")
