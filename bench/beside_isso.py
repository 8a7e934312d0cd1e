"""The same comments, pages and connections against isso, with its guard off and moderation on."""

from pathlib import Path

from bench import isso, servers
from bench.loader import run
from bench.seeding import seed
from bench.single import POST, ROUNDS, SECONDS, listed
from bench.table import Table


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    settings = servers.environ(folder, f"sqlite:///{folder}/ours.db", servers.free_port())
    seed(settings, pages=1, comments=20, approve=1)
    with servers.service(settings) as (ours, _):
        with isso.running(folder / "moderated", moderation=True) as theirs:
            pairs = [
                (
                    run(ours + POST, seconds=SECONDS, script="post.lua"),
                    run(theirs, seconds=SECONDS, script="isso_post.lua"),
                )
                for _ in range(ROUNDS)
            ]
        table.add("POST beside isso", pairs, least=10, beside="isso")
        many = [run(ours + POST, seconds=SECONDS, connections=256, script="post.lua") for _ in range(ROUNDS)]
        slowest, isso_p50 = max(one.p99 for one in many), min(pair[1].p50 for pair in pairs)
        table.note(
            "POST p99 at 256 connections beside isso's p50 at 32",
            f"{slowest:.0f} ms",
            beside=f"isso {isso_p50:.0f} ms",
            least="below",
            met="yes" if slowest < isso_p50 else "no",
        )
        with isso.running(folder / "open", moderation=False) as theirs:
            isso.comment(theirs, 20)
            pairs = [
                (
                    run(ours, seconds=SECONDS, paths=(listed(0, 20),)),
                    run(theirs, seconds=SECONDS, paths=("/?uri=%2Fs0&nested_limit=20",)),
                )
                for _ in range(ROUNDS)
            ]
        table.add("GET of 20 comments beside isso", pairs, least=150, beside="isso")
