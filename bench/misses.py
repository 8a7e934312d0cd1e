"""What is not in memory, beside a million comments: lists, pages, single comments, and what does not exist."""

import json
import os
import urllib.request
from itertools import count
from pathlib import Path

from bench import growing, servers
from bench.databases import databases, kept_databases
from bench.loader import Load, run
from bench.single import ROUNDS, SECONDS, listed
from bench.table import Table

COMMENTS = 1_000_000
_PUBLIC_PAGES = growing.public_pages(COMMENTS)
_LEAST_RATE = 2_000
_LEAST_RATIO = 0.05
_seeds = count(1)


def measure(folder: Path, table: Table) -> None:
    """Fill the table: one process, 32 connections, no compression, and memory for hardly any answer.

    A folder named by BENCH_DATABASES keeps the comments for other runs.
    """
    kept = os.environ.get("BENCH_DATABASES")
    with servers.limits() as limit:
        for engine, database_url in databases(folder) if kept is None else kept_databases(Path(kept)):
            settings = servers.environ(folder, database_url, servers.free_port()) | {"MODERATION_CACHE_MB": "1"}
            is_seeded = Path(kept or folder) / f"{engine}.seeded"
            if not is_seeded.exists():
                growing.make(settings, secret=servers.SECRET, comments=COMMENTS)
                is_seeded.touch()
            _learn_nothing(Path(settings["MODERATION_SITES"]))
            with servers.service(settings) as (url, _):
                _measure(table, engine, url, limit)


def _learn_nothing(sites: Path) -> None:
    """Let no score be learned meanwhile: nobody decides on two hundred thousand comments just before he reads."""
    with sites.open("a", encoding="utf-8") as file:
        file.write("\n[site.screening]\nlearned = false\n")


def _measure(table: Table, engine: str, url: str, limit: str) -> None:
    first = json.loads(_fetched(url + listed(0, 20)))["comments"]
    behind = first[0]["id"]
    page = "/comments?page_url=https://www.example.org/s{n}"
    somewhere = listed(0, 20).replace("/s0", "/s{n}")
    _beside(table, f"list, {engine}", (url, somewhere, _PUBLIC_PAGES), (limit, url + listed(0, 20)))
    _beside(
        table, f"page of comments, {engine}", (url, page, _PUBLIC_PAGES), (limit, url + page.replace("{n}", "0"))
    )
    _beside(table, f"list behind a cursor, {engine}", (url, f"{somewhere}&cursor={behind}", _PUBLIC_PAGES), None)
    _beside(table, f"list of an unknown page, {engine}", (url, somewhere, 1_000_000_000), None)
    ids = [one["id"] for page_number in range(500) for one in _comments(url, page_number)]
    paths = tuple(f"/api/v1/comments/{one}" for one in ids)
    loads = [run(url, seconds=SECONDS, paths=paths) for _ in range(ROUNDS)]
    _note(table, f"single comment, {engine}", loads, None)


def _beside(table: Table, name: str, asked: tuple[str, str, int], fixed: tuple[str, str] | None) -> None:
    loads, limits = [], []
    for _ in range(ROUNDS):
        loads.append(_load(*asked))
        if fixed is not None:
            limit, example = fixed
            size = len(_fetched(example))
            limits.append(run(limit, seconds=SECONDS, paths=(f"/fixed/{size}",)))
    _note(table, name, loads, limits or None)


def _load(url: str, path: str, most: int) -> Load:
    return run(url, seconds=SECONDS, script="random.lua", arguments=(path, str(most), str(next(_seeds))))


def _note(table: Table, name: str, loads: list[Load], limits: list[Load] | None) -> None:
    rates = sorted(one.rate for one in loads)
    middle = sorted(loads, key=lambda one: one.rate)[len(loads) // 2]
    rate, failed = rates[len(rates) // 2], sum(one.failed for one in loads)
    ratio = None if limits is None else rate / sorted(one.rate for one in limits)[len(limits) // 2]
    met = rate >= _LEAST_RATE and not failed and (ratio is None or ratio >= _LEAST_RATIO)
    table.note(
        f"not in memory, {COMMENTS:,} comments stored: {name}",
        f"{rate:,.0f} ({middle.p50:.1f} / {middle.p99:.1f} ms)",
        beside="" if limits is None else f"{sorted(one.rate for one in limits)[len(limits) // 2]:,.0f}",
        ratio="" if ratio is None else f"{ratio:.2f}",
        least=f"{_LEAST_RATE:,}" + ("" if ratio is None else f" and {_LEAST_RATIO:.2f}"),
        met="yes" if met else f"no ({failed} failed)" if failed else "no",
    )


def _comments(url: str, page: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(_fetched(url + listed(page, 20)))["comments"]
    return found


def _fetched(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - loopback
        body: bytes = answer.read()
    return body
