"""How soon a decision reaches the receiver of a webhook, alone, and the last of many at once."""

import base64
import hashlib
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

from bench import servers
from bench.databases import databases
from bench.single import POST
from bench.table import Table

SINGLE = 20
MANY = 500
"""How many decisions are made in one request."""

_KEY = "a-key-for-measuring"
_SECRET = "whsec_" + base64.b64encode(b"a secret for measuring, 32 bytes").decode()
_LEAST = 2.0
"""Seconds in which a decision has to be with the receiver."""

_DECISIONS = "/api/v1/moderation/decisions"


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    for engine, database_url in databases(folder):
        place = folder / f"webhooks {engine}"
        place.mkdir()
        settings = servers.environ(place, database_url, servers.free_port())
        with _receiver() as (receiver_url, arrived):
            _list(Path(settings["MODERATION_SITES"]), receiver_url)
            with servers.service(settings, workers=2) as (url, _):
                ids = [_post(url, number) for number in range(SINGLE + MANY)]
                _decide(url, [ids[0]])
                _wait(arrived, 1)
                waits = []
                for number, comment_id in enumerate(ids[1:SINGLE], start=2):
                    began = _decide(url, [comment_id])
                    waits.append(_wait(arrived, number) - began)
                began = _decide(url, ids[SINGLE:])
                last = _wait(arrived, SINGLE + MANY) - began
        table.note(
            f"a decision reaches a webhook, two processes, {engine}: median, longest of {len(waits)}",
            f"{median(waits) * 1_000:.0f} / {max(waits) * 1_000:.0f} ms",
            least=f"within {_LEAST:g} s",
            met="yes" if max(waits) <= _LEAST else "no",
        )
        table.note(f"the last of {MANY} decisions in one request, {engine}", f"{last:.1f} s")


@contextmanager
def _receiver() -> Iterator[tuple[str, list[float]]]:
    """Run a receiver in this process that notes when each POST came."""
    arrived: list[float] = []

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            arrived.append(time.monotonic())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing of each."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", arrived
    finally:
        server.shutdown()
        server.server_close()


def _list(sites: Path, url: str) -> None:
    """Give the site a webhook and a key for its API."""
    key = hashlib.sha256(_KEY.encode()).hexdigest()
    text = sites.read_text(encoding="utf-8").replace('id = "bench"', f'id = "bench"\napi_keys = ["sha256:{key}"]')
    webhook = f'id = "bench"\nurl = "{url}"\nsecret = "{_SECRET}"\nallow_private = true\n'
    sites.write_text(f"{text}\n[[site.webhook]]\n{webhook}", encoding="utf-8")


def _post(url: str, number: int) -> str:
    body = {
        "page_url": f"https://www.example.org/{number % 10}",
        "author_name": "Giuliana",
        "author_email": "giuliana@example.com",
        "body": f"Interessante… {number}",
    }
    found: str = _ask(url + POST, body)["id"]
    return found


def _decide(url: str, ids: list[str]) -> float:
    """Approve comments in one request, and return when it was answered."""
    _ask(url + _DECISIONS, {"decisions": [{"id": one, "decision": "approve"} for one in ids]})
    return time.monotonic()


def _ask(url: str, body: object) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {_KEY}"}
    asked = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(asked) as answer:  # noqa: S310 - loopback
        found: dict[str, Any] = json.load(answer)
    return found


def _wait(arrived: list[float], count: int) -> float:
    """Return when the last of so many POSTs came."""
    deadline = time.monotonic() + 60
    while len(arrived) < count:
        if time.monotonic() > deadline:
            raise TimeoutError("the receiver was not told")
        time.sleep(0.001)
    return arrived[count - 1]
