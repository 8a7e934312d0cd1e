"""isso, installed into an environment of its own, as its documentation runs it under gunicorn."""

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.servers import free_port

_CONFIG = """
[general]
dbpath = {folder}/isso.db
host = {website}/
[server]
listen = http://127.0.0.1:{port}
[moderation]
enabled = {moderation}
[guard]
enabled = false
"""


def environment() -> Path:
    """Return the folder of an environment with isso and gunicorn, made once beside the caches."""
    folder = Path(__file__).parent.parent / "var" / "bench-isso"
    if not (folder / "bin" / "gunicorn").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        wanted = ["isso==0.14.0", "gunicorn", "setuptools<81"]
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *wanted], check=True)
    return folder


@contextmanager
def running(folder: Path, *, moderation: bool, website: str = "https://www.example.org") -> Iterator[str]:
    """Run isso with two workers on a new database, for the pages of a website."""
    tools, port = environment(), free_port()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = folder / "isso.cfg"
    settings.write_text(
        _CONFIG.format(folder=folder, port=port, moderation=str(moderation).lower(), website=website)
    )
    command: list[str | Path] = [
        tools / "bin" / "gunicorn",
        "-w2",
        "-b",
        f"127.0.0.1:{port}",
        "--log-level",
        "error",
        "isso.run",
    ]
    process = subprocess.Popen(
        command, env={"ISSO_SETTINGS": str(settings), "PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/info")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - loopback
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("isso did not come up")


def comment(url: str, count: int) -> None:
    """Post comments to the page `/s0`."""
    for number in range(count):
        content = {"title": "Chi siamo", "author": "Giuliana", "text": f"Un commento come tanti. {number} " * 10}
        asked = urllib.request.Request(  # noqa: S310 - loopback
            f"{url}/new?uri=%2Fs0", json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(asked).close()  # noqa: S310
