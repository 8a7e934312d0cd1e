"""The servers that are measured, each a process of its own on a free port."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECRET = "a-secret-for-measuring-0123456789ab"  # noqa: S105 - of measured services alone
SITES = """
[[site]]
id = "bench"
name = "Bench"
origins = ["https://www.example.org"]

[[site.moderator]]
id = "anna"
name = "Anna"
email = "anna@example.org"
"""


def environ(folder: Path, database_url: str, port: int) -> dict[str, str]:
    """Return the settings of a measured service: no screening, and a mail server that nobody runs."""
    sites = folder / "sites.toml"
    sites.write_text(SITES, encoding="utf-8")
    return {
        "MODERATION_DATABASE_URL": database_url,
        "MODERATION_PUBLIC_URL": "https://comments.example.net",
        "MODERATION_SECRET_KEYS": SECRET,
        "MODERATION_SMTP_URL": f"smtp://127.0.0.1:{free_port()}",
        "MODERATION_MAIL_FROM": "moderation@example.net",
        "MODERATION_SITES": str(sites),
        "MODERATION_LISTEN": f"127.0.0.1:{port}",
        "MODERATION_SCREENING": "off",
    }


@contextmanager
def service(settings: dict[str, str], *, workers: int = 1) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the service; its log goes to a file beside the sites file."""
    url = f"http://{settings['MODERATION_LISTEN']}"
    log = Path(settings["MODERATION_SITES"]).with_name("service.log")
    command = [sys.executable, "-m", "moderation_service", "serve", "--workers", str(workers)]
    is_up = partial(_answers, f"{url}/health/live")
    with log.open("wb") as stderr, _running(command, settings, stderr, is_up) as process:
        if workers > 1:
            _wait(lambda: log.read_bytes().count(b"Listening on") >= workers)
        yield url, process


@contextmanager
def limits(*, workers: int = 1) -> Iterator[str]:
    """Run the bare handlers, by one process or by several that share a port."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    shared = ["shared"] if workers > 1 else []
    command = [sys.executable, "-m", "bench.limits", str(port), *shared]
    is_up = partial(_answers, f"{url}/fixed/10")
    with _running(command, {}, subprocess.DEVNULL, is_up):
        if workers == 1:
            yield url
            return
        with _running(command, {}, subprocess.DEVNULL, is_up):
            time.sleep(2)
            yield url


@contextmanager
def mail_sink(notes: Path) -> Iterator[tuple[str, Path]]:
    """Run a mail server that takes everything; its URL, and the file with a line for each message."""
    port = free_port()
    notes.touch()
    command = [sys.executable, "-m", "bench.sink", str(port), str(notes)]
    with _running(command, {}, subprocess.DEVNULL, partial(_listens, port)):
        yield f"smtp://127.0.0.1:{port}", notes


def free_port() -> int:
    """Return a port of loopback that is free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(
    command: list[str], settings: dict[str, str], stderr: object, is_up: Callable[[], bool]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        stdout=subprocess.DEVNULL,
        stderr=stderr,  # type: ignore[call-overload]
    )
    try:
        _wait(is_up)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait(condition: object) -> None:
    deadline = time.monotonic() + 180
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError("a server did not come up")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
