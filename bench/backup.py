"""A backup of a million comments on SQLite while comments come in; PostgreSQL has tools of its own for that."""

import os
import subprocess
import time
from pathlib import Path
from statistics import median

from bench import growing, servers
from bench.loader import Load, run
from bench.moving import command
from bench.single import POST, ROUNDS
from bench.table import Table

COMMENTS = 1_000_000
_SECONDS = 4
_WITHIN = 60.0


def measure(folder: Path, table: Table) -> None:
    """Fill the table; a folder named by BENCH_DATABASES keeps the comments for other runs."""
    kept = Path(os.environ.get("BENCH_DATABASES", folder))
    settings = servers.environ(folder, f"sqlite:///{kept}/backup.db", servers.free_port())
    mark = kept / "backup.seeded"
    if not mark.exists():
        growing.make(settings, secret=servers.SECRET, comments=COMMENTS)
        mark.touch()
    took: list[float] = []
    loads: list[tuple[Load, Load]] = []
    with servers.service(settings) as (url, _):
        for number in range(ROUNDS):
            alone = run(url + POST, seconds=_SECONDS, script="post.lua")
            copy = folder / f"copy-{number}.db"
            began = time.monotonic()
            with subprocess.Popen(
                command("backup", str(copy)),
                env=os.environ | {"PYTHONPATH": str(servers.ROOT)} | settings,
                stdout=subprocess.DEVNULL,
            ) as process:
                loads.append((run(url + POST, seconds=_SECONDS, script="post.lua"), alone))
                assert process.wait() == 0
            took.append(time.monotonic() - began)
            copy.unlink()
    table.note(
        f"backup of {COMMENTS:,} comments beside posts, SQLite",
        f"{median(took):.1f} s",
        least=f"within {_WITHIN:.0f} s",
        met="yes" if median(took) <= _WITHIN else "no",
    )
    table.add("POST during a backup, SQLite", loads, least=0.70, beside="alone")
