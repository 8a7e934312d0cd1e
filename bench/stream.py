"""Those who follow a site: how soon 500 streams have a decision, what they cost, and how fast a mirror is made."""

import hashlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from bench import servers
from bench.databases import databases
from bench.loader import run
from bench.memory import resident_mb
from bench.seeding import seed
from bench.servers import ROOT
from bench.single import POST, ROUNDS, SECONDS, beside
from bench.table import Table

CLIENTS = 500
_KEY = "a-key-for-measuring"
_DECISIONS = 20
_MIRRORED = 100_000
_LONG = "Un testo lungo. " * 2_000
"""Some 32 kB, of which a stream carries two forms."""
_CHANGES = "/api/v1/changes?site=bench&after="


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    for engine, database_url in databases(folder):
        settings = _settings(folder, database_url)
        with servers.service(settings) as (url, process):
            _measure_decisions(table, engine, url, process.pid)
            _measure_posts(table, engine, url, process.pid)
            if engine == "SQLite":
                for kind in ("stalled", "slow"):
                    _measure_posts(table, engine, url, process.pid, kind=kind)
    _measure_reading(folder, table)
    _measure_mirror(folder, table)


def _settings(folder: Path, database_url: str) -> dict[str, str]:
    settings = servers.environ(folder, database_url, servers.free_port())
    sites = Path(settings["MODERATION_SITES"])
    hashed = hashlib.sha256(_KEY.encode()).hexdigest()
    origins = 'origins = ["https://www.example.org"]\n'
    text = sites.read_text(encoding="utf-8")
    sites.write_text(text.replace(origins, f'{origins}api_keys = ["sha256:{hashed}"]\n'), encoding="utf-8")
    return settings


def _measure_decisions(table: Table, engine: str, url: str, pid: int) -> None:
    """Decide one after the other, and see when the last client has each."""
    before = resident_mb(pid)
    took = []
    with _clients(url) as said:
        for number in range(_DECISIONS):
            comment_id = _post(url, number)
            began = time.time()
            _decide(url, comment_id)
            took.append(float(next(said).split()[1]) - began)
        memory = resident_mb(pid)
    table.note(
        f"a decision until {CLIENTS} stream clients have it, {engine}",
        f"{median(took) * 1_000:.0f} ms",
        beside=f"{max(took) * 1_000:.0f} ms at most, of {_DECISIONS}",
        least="below 1 s",
        met="yes" if max(took) < 1 else "no",
    )
    table.note(
        f"memory of the process with {CLIENTS} stream clients, {engine}",
        f"{memory:.0f} MB",
        beside=f"{before:.0f} MB before",
        least="under 200 MB",
        met="yes" if memory < 200 else "no",
    )


def _measure_posts(table: Table, engine: str, url: str, pid: int, *, kind: str = "") -> None:
    """Post with and without clients by turns, while a decision is made every second.

    Beside clients that are stalled or slow it is four a second, on long comments, so that they fall behind.
    """
    load = partial(run, url + POST, seconds=SECONDS, script="post.lua")
    pairs, memory = [], 0.0
    with _deciding(url, every=0.25, body=_LONG) if kind else _deciding(url):
        for _ in range(ROUNDS):
            alone = load()
            with _clients(url, kind):
                pairs.append((load(), alone))
                memory = max(memory, resident_mb(pid))
    clients = f"{CLIENTS} {kind} stream clients" if kind else f"{CLIENTS} stream clients"
    table.add(f"POST with {clients}, {engine}", pairs, least=0.8, beside="without")
    table.note(
        f"memory with {clients} after these posts, {engine}",
        f"{memory:.0f} MB",
        least="under 200 MB",
        met="yes" if memory < 200 else "no",
    )


def _measure_reading(folder: Path, table: Table) -> None:
    settings = _settings(folder, f"sqlite:///{folder}/feed.db")
    seed(settings, pages=1, comments=20, approve=1)
    with servers.service(settings) as (url, _), servers.limits() as limit:
        length = len(_fetched(f"{url}{_CHANGES}0"))
        beside(
            table,
            "GET of 20 changes",
            partial(run, url, seconds=SECONDS, paths=(f"{_CHANGES}0",)),
            partial(run, limit, seconds=SECONDS, paths=(f"/fixed/{length}",)),
            least=0.5,
        )


def _measure_mirror(folder: Path, table: Table) -> None:
    place = folder / "mirror"
    place.mkdir()
    for engine, database_url in databases(place):
        settings = _settings(place, database_url)
        seed(settings, pages=1_000, comments=_MIRRORED, approve=1_000)
        with servers.service(settings) as (url, _):
            began = time.perf_counter()
            command = [sys.executable, "docs/examples/mirror.py", url, "bench", str(place / f"{engine}.mirror")]
            subprocess.run(command, check=True, cwd=ROOT)
            took = time.perf_counter() - began
        table.note(
            f"a mirror of {_MIRRORED:,} comments, {engine}",
            f"{took:.1f} s",
            least="below 10 s",
            met="yes" if took < 10 else "no",
        )


@contextmanager
def _clients(url: str, kind: str = "") -> Iterator[Iterator[str]]:
    """Connect all clients; gives what they say of each event."""
    command = [sys.executable, "-m", "bench.stream_clients", f"{url}/api/v1/stream?site=bench", str(CLIENTS)]
    command += [kind] if kind else []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().strip() == "connected"
            yield iter(process.stdout.readline, "")
        finally:
            process.kill()


@contextmanager
def _deciding(url: str, *, every: float = 1.0, body: str = "") -> Iterator[None]:
    """Approve a comment every so many seconds."""
    is_over = threading.Event()

    def decide() -> None:
        number = 1_000
        while not is_over.wait(every):
            _decide(url, _post(url, number, body))
            number += 1

    thread = threading.Thread(target=decide)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _post(url: str, number: int, body: str = "") -> str:
    comment = {
        "page_url": "https://www.example.org/decided",
        "author_name": "Giuliana",
        "author_email": "giuliana@example.com",
        "body": f"Commento {number} {body}",
    }
    found: str = json.loads(_fetched(url + POST, comment))["id"]
    return found


def _decide(url: str, comment_id: str) -> None:
    _fetched(f"{url}/api/v1/moderation/decisions", {"decisions": [{"id": comment_id, "decision": "approve"}]})


def _fetched(url: str, body: object = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {_KEY}"}
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        found: bytes = answer.read()
    return found
