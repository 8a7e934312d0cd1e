"""A folder of wheels as a package index, filled with the distributions that this environment has."""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib.metadata import Distribution, distribution
from pathlib import Path
from shutil import copy
from zipfile import ZIP_STORED, ZipFile

from packaging.requirements import Requirement


def needed_by(requirements: list[str]) -> dict[str, Distribution]:
    """The installed distributions that requirements ask for, and whatever these ask for, by normal name."""
    found: dict[str, Distribution] = {}
    open_ones = [Requirement(one) for one in requirements]
    seen: set[str] = set()
    while open_ones:
        wanted = open_ones.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        extras = wanted.extras or {""}
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        held = found[normal(wanted.name)] = distribution(wanted.name)
        for line in held.requires or []:
            inner = Requirement(line)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                inner.marker = None
                open_ones.append(inner)
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def packed(held: Distribution, folder: Path) -> Path:
    """Make a wheel of an installed distribution again, without what was compiled when it was installed."""
    name = re.sub(r"[-_.]+", "_", held.name)
    tags = re.findall(r"^Tag: (\S+)$", held.read_text("WHEEL") or "", re.MULTILINE)
    parts = zip(*(tag.split("-") for tag in tags), strict=True)
    pythons, abis, platforms = (".".join(dict.fromkeys(one)) for one in parts)
    wheel = folder / f"{name}-{held.version}-{pythons}-{abis}-{platforms}.whl"
    record, kept = [], {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}
    info = ""
    with ZipFile(wheel, "w", ZIP_STORED) as archive:
        for file in held.files or []:
            path = file.as_posix()
            if path.startswith("../") or path.endswith(".pyc"):
                continue
            if file.parent.name.endswith(".dist-info"):
                info = file.parent.as_posix()
                if file.name in kept:
                    continue
            content = Path(str(file.locate())).read_bytes()
            archive.writestr(path, content)
            digest = urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(content)}")
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
    return wheel


def fill(folder: Path, wheel: Path, requirements: list[str]) -> None:
    """Put a wheel and what requirements ask for into a folder from which installers take packages."""
    folder.mkdir()
    copy(wheel, folder)
    for held in needed_by(requirements).values():
        packed(held, folder)
