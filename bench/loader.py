"""Load from a separate process: wrk, bounded in time."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True, slots=True)
class Load:
    """What a run came to: answers a second, and milliseconds at the median and the 99th percentile."""

    rate: float
    p50: float
    p99: float
    failed: int


def run(
    url: str,
    *,
    seconds: int,
    connections: int = 32,
    script: str | None = None,
    paths: tuple[str, ...] = (),
    arguments: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
) -> Load:
    """Load a URL for some seconds and return what came of it; raise RuntimeError without wrk."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is missing; install it from your distribution's packages")
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    for header in headers:
        command += ["-H", header]
    if paths:
        script = "get.lua"
    if script:
        command += ["-s", str(_HERE / script)]
    done = subprocess.run([*command, url, "--", *paths, *arguments], capture_output=True, text=True, check=True)
    return _read(done.stdout)


def _read(output: str) -> Load:
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])  # type: ignore[index]
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    lost = sum(int(number) for number in errors.groups()) if errors else 0
    return Load(rate, _percentile(output, 50), _percentile(output, 99), (int(failed[1]) if failed else 0) + lost)


def _percentile(output: str, which: int) -> float:
    found = re.search(rf"\s{which}%\s+([\d.]+)(us|ms|s)", output)
    assert found is not None
    return float(found[1]) * _UNITS[found[2]]
