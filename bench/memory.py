"""The memory of one process after 200,000 comments and a million reads."""

from pathlib import Path

from bench import servers
from bench.loader import run
from bench.single import POST, listed
from bench.table import Table

_POSTS, _READS = 200_000, 1_000_000
_SECONDS = 20
_MOST = 150
_PAGES = 1_000


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
    last = after_reads[-1]
    table.note(
        f"memory after {posted:,.0f} POSTs and {read:,.0f} GETs",
        f"{last:.0f} MB",
        beside=f"{after_posts[0]:.0f} MB after the first {_SECONDS} s, {after_posts[-1]:.0f} MB after the POSTs",
        least=f"under {_MOST} MB",
        met="yes" if last < _MOST else "no",
    )


def resident_mb(pid: int) -> float:
    """Return a process's resident memory in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1_000
