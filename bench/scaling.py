"""Two processes against one, beside what bare aiohttp gains from its second process."""

from pathlib import Path
from statistics import median

from bench import servers
from bench.databases import databases
from bench.loader import Load, run
from bench.seeding import seed
from bench.single import POST, ROUNDS, SECONDS, listed
from bench.table import Table


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    settings = servers.environ(folder, f"sqlite:///{folder}/read.db", servers.free_port())
    seed(settings, pages=1, comments=20, approve=1)
    other = settings | {"MODERATION_LISTEN": f"127.0.0.1:{servers.free_port()}"}
    with servers.service(settings) as (one, _), servers.service(other, workers=2) as (two, _):
        gain = _gain(table, "GET, two processes against one", one, two, listed(0, 20))
    with servers.limits() as one, servers.limits(workers=2) as two:
        limit = _gain(table, "the same, bare aiohttp", one, two, "/fixed/8000")
    table.note(
        "GET gain beside bare aiohttp's",
        "",
        ratio=f"{gain / limit:.2f}",
        least="0.85",
        met=_met(gain / limit, 0.85),
    )
    for engine, database_url in databases(folder):
        settings = servers.environ(folder, database_url, servers.free_port())
        with servers.service(settings) as (url, _):
            alone = [run(url + POST, seconds=SECONDS, script="post.lua") for _ in range(ROUNDS)]
        with servers.service(settings, workers=2) as (url, _):
            both = [run(url + POST, seconds=SECONDS, script="post.lua") for _ in range(ROUNDS)]
        table.add(f"POST, {engine}, two processes against one", list(zip(both, alone, strict=True)), least=1.0)
        with servers.service(settings) as (url, _):
            alone = [run(url + POST, seconds=SECONDS, connections=256, script="post.lua") for _ in range(ROUNDS)]
        with servers.service(settings, workers=2) as (url, _):
            both = [run(url + POST, seconds=SECONDS, connections=256, script="post.lua") for _ in range(ROUNDS)]
        table.add(f"the same, {engine}, 256 connections", list(zip(both, alone, strict=True)), least=1.4)


def _gain(table: Table, name: str, one: str, two: str, path: str) -> float:
    pairs: list[tuple[Load, Load]] = [
        (run(two, seconds=SECONDS, paths=(path,)), run(one, seconds=SECONDS, paths=(path,))) for _ in range(ROUNDS)
    ]
    table.add(name, pairs)
    return median(both.rate / alone.rate for both, alone in pairs)


def _met(ratio: float, least: float) -> str:
    return "yes" if ratio >= least else "no"
