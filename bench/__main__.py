"""Measure and print one table: `python -m bench [part …]`, the short ones by default."""

import datetime as dt
import os
import platform
import sys
import tempfile
from pathlib import Path

from bench import (
    attack,
    backup,
    beside_isso,
    blog,
    desk,
    disk,
    growth,
    large,
    mail,
    memory,
    misses,
    moving,
    scaling,
    screening_cost,
    single,
    stream,
    webhooks,
    website,
)
from bench.table import Table

_PARTS = {
    "single": single.measure,
    "screening-cost": screening_cost.measure,
    "scaling": scaling.measure,
    "attack": attack.measure,
    "mail": mail.measure,
    "isso": beside_isso.measure,
    "website": website.measure,
    "disk": disk.measure,
    "large": large.measure,
    "growth": growth.measure,
    "misses": misses.measure,
    "memory": memory.measure,
    "desk": desk.measure,
    "webhooks": webhooks.measure,
    "moving": moving.measure,
    "blog": blog.measure,
    "backup": backup.measure,
    "stream": stream.measure,
}
_DEFAULT = ("disk", "single", "screening-cost", "scaling", "attack", "mail", "isso", "website", "webhooks")


def main() -> None:
    """Run the parts named on the command line."""
    parts = sys.argv[1:] or _DEFAULT
    table = Table()
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        for part in parts:
            place = Path(folder) / part
            place.mkdir()
            _PARTS[part](place, table)
    now = dt.datetime.now(dt.UTC)
    print(f"{now:%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, {platform.system()} {platform.machine()},")
    print(f"Python {platform.python_version()}; medians of three runs, each beside its limit in the same run.\n")
    table.print()


if __name__ == "__main__":
    main()
