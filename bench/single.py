"""One process: POST on both engines, GET and 304, each beside the bare handler that does the same work."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from bench import servers
from bench.databases import databases
from bench.loader import Load, run
from bench.seeding import seed
from bench.table import Table

ROUNDS = 3
SECONDS = 4
POST = "/api/v1/comments"


def listed(page: int, limit: int) -> str:
    """Return the address of a seeded page's list."""
    return f"/api/v1/comments?page_url=https://www.example.org/s{page}&limit={limit}"


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    with servers.limits() as limit:
        for engine, database_url in databases(folder):
            settings = servers.environ(folder, database_url, servers.free_port())
            with servers.service(settings) as (url, _):
                for connections in (32, 256):
                    beside(
                        table,
                        f"POST, {engine}, {connections} connections",
                        partial(run, url + POST, seconds=SECONDS, connections=connections, script="post.lua"),
                        partial(run, limit + POST, seconds=SECONDS, connections=connections, script="post.lua"),
                        least=0.33,
                        most_spread=4.0 if engine == "SQLite" and connections == 32 else None,
                    )
        settings = servers.environ(folder, f"sqlite:///{folder}/read.db", servers.free_port())
        seed(settings, pages=1, comments=20, approve=1)
        seed(settings, pages=2, comments=2_000, approve=2)
        with servers.service(settings) as (url, _):
            _measure_reading(table, url, limit)


def _measure_reading(table: Table, url: str, limit: str) -> None:
    short, etag = fetched(url + listed(0, 20))
    beside(
        table,
        "GET of 20 comments",
        lambda: run(url, seconds=SECONDS, paths=(listed(0, 20),)),
        lambda: run(limit, seconds=SECONDS, paths=(f"/fixed/{len(short)}",)),
        least=0.70,
    )
    beside(
        table,
        "304",
        lambda: run(url, seconds=SECONDS, paths=(listed(0, 20),), headers=(f"If-None-Match: {etag}",)),
        lambda: run(limit, seconds=SECONDS, paths=("/304",)),
        least=0.80,
    )
    page = "/comments?page_url=https://www.example.org/s0"
    html, _ = fetched(url + page)
    beside(
        table,
        "GET of the page of 20 comments",
        lambda: run(url, seconds=SECONDS, paths=(page,)),
        lambda: run(limit, seconds=SECONDS, paths=(f"/fixed/{len(html)}",)),
        least=0.50,
    )
    feed = "/feeds/atom?page_url=https://www.example.org/s0"
    atom, _ = fetched(url + feed)
    beside(
        table,
        "GET of the feed of 20 comments",
        lambda: run(url, seconds=SECONDS, paths=(feed,)),
        lambda: run(limit, seconds=SECONDS, paths=(f"/fixed/{len(atom)}",)),
        least=0.50,
    )
    counts = "/api/v1/counts?" + "&".join(f"page_url=https://www.example.org/s{page}" for page in range(200))
    body, _ = fetched(url + counts)
    beside(
        table,
        "GET of the counts of 200 pages",
        lambda: run(url, seconds=SECONDS, paths=(counts,)),
        lambda: run(limit, seconds=SECONDS, paths=(f"/fixed/{len(body)}",)),
        least=0.50,
    )
    batches = tuple(_slices(url))
    long, _ = fetched(url + batches[0])
    beside(
        table,
        "GET of 200 out of 1,000 comments, any cursor",
        lambda: run(url, seconds=SECONDS, paths=batches),
        lambda: run(limit, seconds=SECONDS, paths=(f"/fixed/{len(long)}",)),
        least=0.50,
    )


def beside(
    table: Table,
    name: str,
    subject: Callable[[], Load],
    limit: Callable[[], Load],
    *,
    least: float | None = None,
    most_spread: float | None = None,
) -> None:
    """Load a subject and its limit in turns; `most_spread` bounds the subject's p99 as a multiple of its p50."""
    pairs = [(subject(), limit()) for _ in range(ROUNDS)]
    table.add(name, pairs, least=least)
    if most_spread is not None:
        spread = median(one.p99 for one, _ in pairs) / median(one.p50 for one, _ in pairs)
        table.note(
            f"{name}: p99 beside p50",
            "",
            ratio=f"{spread:.2f}",
            least=f"below {most_spread:.2f}",
            met="yes" if spread < most_spread else "no",
        )


def _slices(url: str) -> Iterator[str]:
    path: str | None = listed(1, 200)
    while path is not None:
        yield path
        cursor = json.loads(fetched(url + path)[0])["next_cursor"]
        path = f"{listed(1, 200)}&cursor={cursor}" if cursor else None


def fetched(url: str) -> tuple[bytes, str]:
    """Return what a URL answers, and its ETag."""
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - loopback
        return answer.read(), answer.headers["ETag"]
