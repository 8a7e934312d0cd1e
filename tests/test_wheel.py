"""The wheel holds everything, and runs from where it was installed."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
from aiohttp import ClientSession

from tests.support import local_index
from tests.support.factories import a_submission
from tests.support.processes import ROOT, command, free_port

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
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


async def test_the_wheel_runs_by_one_command_from_an_index(wheel: Path, tmp_path: Path) -> None:
    """The index has the wheel and what it asks for, and the place where it runs nothing of either."""
    local_index.fill(tmp_path / "index", wheel, PROJECT["dependencies"])
    environ = {
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(tmp_path / "index"),
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        "PYTHONPATH": "",
        "MODERATION_LISTEN": f"127.0.0.1:{free_port()}",
    }
    program, place = (str(Path(sys.executable).with_name("uvx")), "moderation-service"), tmp_path / "somewhere"
    place.mkdir()
    async with command("demo", environ=environ, folder=place, program=program) as process:
        await process.wait_for("Stop with Ctrl-C.")
        async with ClientSession(process.url) as http:
            page = await (await http.get("/demo")).text()
            assert "Scrivi un commento" in page
            style = await (await http.get("/static/pages.css")).text()
            assert ".buttons" in style
            sent = a_submission(page_url=f"{process.url}/demo")
            assert (await http.post("/api/v1/comments", json=sent)).status == 202
            assert (await http.get("/demo/mailbox")).status == 200
        assert await process.stop() == 0

    async with command("openapi", environ=environ, folder=place, program=program) as process:
        assert await process.ended() == 0
    assert "/api/v1/comments" in json.loads(process.words)["paths"]
