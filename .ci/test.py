"""Run every test beside others; the few that fail then are run once more, each by itself, and are named.

Three workers on two cores, with servers, databases and browsers of their own, now and then keep one of them
waiting for longer than a test waits. What fails again by itself fails, and so does a run in which more than a few
failed. A test that passes by itself alone has a fault all the same: it waits too short, or for the
wrong thing.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_PYTEST = (sys.executable, "-m", "pytest")
_FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
_MOST = 10
_TESTS_FAILED = 1
"""Pytest's exit code where the run itself went well."""


def main() -> int:
    """Return the exit code: 0 where every test passed, beside others or by itself."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each worker compiles every test anew, in every run
    code = subprocess.run([*_PYTEST, "-n", "3", "--dist", "worksteal"], cwd=ROOT, check=False).returncode
    if code != _TESTS_FAILED:
        return code
    failed = sorted(json.loads(_FAILED.read_text(encoding="utf-8")))
    if len(failed) > _MOST:
        return code
    print(f"\nOnce more, by themselves, as they failed beside others: {len(failed)}", flush=True)
    again = [name for name in failed if subprocess.run([*_PYTEST, name], cwd=ROOT, check=False).returncode != 0]
    for name in failed:
        print("failed again:" if name in again else "passed by itself alone:", name)
    print(f"{len(failed) - len(again)} passed, {len(again)} failed", flush=True)
    return code if again else 0


if __name__ == "__main__":
    sys.exit(main())
