"""The memory of one process after 200,000 comments and a million reads, and while nobody takes its answers."""

import socket
import time
from contextlib import ExitStack, closing
from pathlib import Path

from bench import servers
from bench.loader import run
from bench.seeding import BODY, seed
from bench.single import POST, listed
from bench.table import Table

_POSTS, _READS = 200_000, 1_000_000
_SECONDS = 20
_MOST = 150
_PAGES = 1_000
_SLOW_READERS = 300
_WATCHED = 10.0
_MOST_FOR_SLOW = 64


def measure(folder: Path, table: Table) -> None:
    """Fill the table; the loads end when the counts are reached."""
    settings = servers.environ(folder, f"sqlite:///{folder}/memory.db", servers.free_port())
    with servers.service(settings) as (url, process):
        posted, after_posts = 0.0, []
        while posted < _POSTS:
            posted += run(url + POST, seconds=_SECONDS, script="post.lua").rate * _SECONDS
            after_posts.append(resident_mb(process.pid))
        read, after_reads = 0.0, []
        paths = tuple(listed(page, 20) for page in range(_PAGES))
        while read < _READS:
            read += run(url, seconds=_SECONDS, paths=paths).rate * _SECONDS
            after_reads.append(resident_mb(process.pid))
    _measure_slow_readers(folder, table)
    last = after_reads[-1]
    table.note(
        f"memory after {posted:,.0f} POSTs and {read:,.0f} GETs",
        f"{last:.0f} MB",
        beside=f"{after_posts[0]:.0f} MB after the first {_SECONDS} s, {after_posts[-1]:.0f} MB after the POSTs",
        least=f"under {_MOST} MB",
        met="yes" if last < _MOST else "no",
    )


def _measure_slow_readers(folder: Path, table: Table) -> None:
    """Let many ask for a long list and take nothing of it."""
    settings = servers.environ(folder, f"sqlite:///{folder}/slow.db", servers.free_port())
    seed(settings, pages=1, comments=200, approve=1, body=lambda _: BODY * 60)
    host, _, port = settings["MODERATION_LISTEN"].rpartition(":")
    with servers.service(settings) as (url, process), ExitStack() as stack:
        run(url, seconds=2, paths=(listed(0, 200),))
        before = most = resident_mb(process.pid)
        for _ in range(_SLOW_READERS):
            reader = stack.enter_context(closing(socket.socket()))
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            reader.connect((host, int(port)))
            reader.sendall(f"GET {listed(0, 200)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until = time.monotonic() + _WATCHED
        while time.monotonic() < until:
            most = max(most, resident_mb(process.pid))
            time.sleep(0.1)
    table.note(
        f"memory that {_SLOW_READERS} slow readers of a long list hold",
        f"{most - before:.0f} MB",
        beside=f"{before:.0f} MB before",
        least=f"under {_MOST_FOR_SLOW} MB",
        met="yes" if most - before < _MOST_FOR_SLOW else "no",
    )


def resident_mb(pid: int) -> float:
    """Return a process's resident memory in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1_000
