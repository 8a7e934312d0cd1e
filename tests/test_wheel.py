"""The wheel holds everything, and runs from where it was installed."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
from aiohttp import ClientSession

from tests.processes import ROOT, command, free_port

PACKAGES = ("moderation_service", "schemas")
NOT_CODE = (
    "moderation_service/locales/it.po",
    "moderation_service/web/static/pages.css",
    "moderation_service/web/templates/moderate.html",
    "moderation_service/mail/templates/moderation_request/body.txt",
    "moderation_service/mail/templates/moderation_request/body.html",
    "moderation_service/demo/templates/page.html",
    "moderation_service/py.typed",
    "schemas/py.typed",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves its work beside the sources, and takes it up the next time."""
    folder, copy = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("sources")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(copy)]
    subprocess.run(build, check=True, capture_output=True, timeout=100)
    [found] = folder.glob("*.whl")
    return found


def test_the_wheel_holds_every_file_of_both_packages_and_nothing_else(wheel: Path) -> None:
    inside = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    sources = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside == sources
    assert inside.issuperset(NOT_CODE)
    assert [name for name in inside if "migrations/versions/0001" in name]


async def test_the_installed_wheel_runs_far_from_its_sources(wheel: Path, tmp_path: Path) -> None:
    """Its dependencies are those of this environment, lent by a path file; the packages are the wheel's own."""
    python = install(wheel, tmp_path / "venv")
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MODERATION_", "PYTHON"))},
        "PYTHONPATH": "",
    }
    printed = await asyncio.create_subprocess_exec(
        str(python.with_name("moderation-service")),
        "openapi",
        cwd=tmp_path,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await printed.communicate()
    assert printed.returncode == 0
    assert "/api/v1/comments" in json.loads(out)["paths"]

    settings = {"MODERATION_LISTEN": f"127.0.0.1:{free_port()}", "PYTHONPATH": ""}
    async with command("demo", environ=settings, folder=tmp_path, python=str(python)) as process:
        await process.wait_for("Stop with Ctrl-C.")
        async with ClientSession(process.url) as http:
            page = await (await http.get("/demo")).text()
            assert "Scrivi un commento" in page
            style = await (await http.get("/static/pages.css")).text()
            assert ".buttons" in style
        assert await process.stop(signal.SIGINT) == 0


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel alone into an empty virtual environment; return its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True, timeout=100, env=alone)
    [packages] = (folder / "lib").glob("python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = subprocess.run(
        [python, "-c", "import moderation_service, schemas; print(moderation_service.__file__, schemas.__file__)"],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
    )
    assert all(place.startswith(str(folder)) for place in where.stdout.split())
    return python
