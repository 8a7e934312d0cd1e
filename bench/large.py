"""A million comments on a hundred thousand pages, against an empty database, interleaved."""

from pathlib import Path

from bench import growing, servers
from bench.loader import run
from bench.seeding import seed
from bench.single import POST, SECONDS, listed
from bench.table import Table

COMMENTS = 1_000_000
_ROUNDS = 5
_READ_PAGES = 2_000


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    full = servers.environ(folder, f"sqlite:///{folder}/full.db", servers.free_port())
    growing.make(full, secret=servers.SECRET, comments=COMMENTS)
    empty = servers.environ(folder, f"sqlite:///{folder}/empty.db", servers.free_port())
    seed(empty, pages=_READ_PAGES, comments=_READ_PAGES * growing.A_PAGE, approve=_READ_PAGES)
    paths = tuple(listed(page, 20) for page in range(_READ_PAGES))
    with servers.service(full) as (large, _), servers.service(empty) as (small, _):
        posts = [
            (
                run(large + POST, seconds=SECONDS, script="post.lua"),
                run(small + POST, seconds=SECONDS, script="post.lua"),
            )
            for _ in range(_ROUNDS)
        ]
        table.add(f"POST with {COMMENTS:,} comments stored", posts, least=0.80)
        gets = [
            (run(large, seconds=SECONDS, paths=paths), run(small, seconds=SECONDS, paths=paths))
            for _ in range(_ROUNDS)
        ]
        table.add(f"GET with {COMMENTS:,} comments stored", gets, least=0.80)
