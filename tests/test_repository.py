"""What the files beside the code offer to those who work on it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import moderation_service
from moderation_service.storage import migrations

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONSTRAINTS = (ROOT / ".ci/constraints.txt").read_text(encoding="utf-8")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_has_one_version_that_ci_and_image_install() -> None:
    pinned = {normal(name) for name in re.findall(r"^([\w.-]+)==[\w.+!]+$", CONSTRAINTS, re.MULTILINE)}
    wanted = [
        *PROJECT["dependencies"],
        *(one for extra in PROJECT["optional-dependencies"].values() for one in extra),
    ]
    names = {normal(re.split(r"[\[<>=;]", one)[0]) for one in wanted} - {PROJECT["name"], "setuptools"}
    assert names - pinned == set(), "run `make constraints`"


def test_the_constraints_are_versions_and_nothing_else() -> None:
    [comment, *lines] = CONSTRAINTS.splitlines()
    assert comment.startswith("#")
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.+!]+", line)] == []


@pytest.mark.parametrize("folder", ["tests/support/validators", "tests/support/generators", "packages/web"])
def test_what_npm_installs_is_locked_by_its_content_and_comes_from_whatever_registry_it_uses(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))
    described = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))
    wanted = described.get("dependencies") or described["devDependencies"]
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert [name for name, one in packages.items() if "resolved" in one] == []


def test_the_npm_package_has_the_version_and_the_licence_of_the_service() -> None:
    version = re.sub(r"(a|b|rc)(\d+)$", r"-\1.\2", moderation_service.__version__)
    described = json.loads((ROOT / "packages/web/package.json").read_text(encoding="utf-8"))
    lock = json.loads((ROOT / "packages/web/package-lock.json").read_text(encoding="utf-8"))
    assert (described["version"], lock["version"]) == (version, version)
    assert described["license"] == PROJECT["license"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of its own with what a release and a migration look at."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    shutil.copytree(
        ROOT / "moderation_service", tmp_path / "moderation_service", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 1.2.3 (2026-11-30)\n\n- Feature: all.\n\n## 1.2.2 (2026-11-01)\n\n- Bugfix: old.\n"
    )
    (tmp_path / "moderation_service/__init__.py").write_text('"""."""\n\n__version__ = "1.2.3"\n')
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    ran = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)  # noqa: S607
    return ran.stdout


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "All")


def rehearse(folder: Path) -> tuple[int, str]:
    """Rehearse a release; return the exit code and what was said."""
    ran = subprocess.run([folder / ".ci/release", "--dry-run"], check=False, capture_output=True, text=True)
    return ran.returncode, ran.stdout + ran.stderr


def test_a_release_is_rehearsed_with_its_notes_and_tags_nothing(checkout: Path) -> None:
    code, said = rehearse(checkout)
    assert (code, said.splitlines()[1:]) == (0, ["- Feature: all."])
    assert "as v1.2.3" in said
    assert git(checkout, "tag") == ""


@pytest.mark.parametrize(
    ("file", "before", "after", "reason"),
    [
        ("CHANGELOG.md", "1.2.3 ", "1.2.4 ", 'no section "## 1.2.3 (date)"'),
        ("CHANGELOG.md", "(2026-11-30)", "(unreleased)", "has no date"),
        ("CHANGELOG.md", "- Feature: all.\n", "", "has nothing below it"),
        ("moderation_service/__init__.py", "1.2.3", "1.2", "no version like 1.2.3, but: 1.2"),
    ],
)
def test_a_release_that_is_not_ready_is_refused(
    checkout: Path, file: str, before: str, after: str, reason: str
) -> None:
    path = checkout / file
    path.write_text(path.read_text().replace(before, after))
    code, said = rehearse(checkout)
    assert (code, "not clean" in said) == (1, True)
    commit(checkout)
    code, said = rehearse(checkout)
    assert (code, reason in said) == (1, True), said


def test_a_version_is_released_once(checkout: Path) -> None:
    git(checkout, "tag", "v1.2.3")
    code, said = rehearse(checkout)
    assert (code, "v1.2.3 exists" in said) == (1, True)


_MIGRATE = """
import asyncio, sys
import moderation_service
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database

async def main():
    async with Database.open(sys.argv[1]) as database:
        await migrations.upgrade(database)
        print(*await migrations.look(database))

asyncio.run(main())
"""


def test_a_new_migration_is_the_one_that_the_service_runs_last(checkout: Path, tmp_path: Path) -> None:
    expected = f"{int(migrations.NEWEST) + 1:04}"
    shutil.copytree(ROOT / "schemas", checkout / "schemas", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, str(checkout / ".ci/new_migration.py"), "page_colours"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.strip().endswith(f"versions/{expected}_page_colours.py")
    ran = subprocess.run(
        [sys.executable, "-c", _MIGRATE, f"sqlite:///{tmp_path}/test.db"],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == f"current {expected}"


@pytest.mark.parametrize("name", ["", "Page Titles", "../evil"])
def test_a_migration_without_a_fitting_name_is_not_written(checkout: Path, name: str) -> None:
    command = [sys.executable, str(checkout / ".ci/new_migration.py"), name]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (ran.returncode, "NAME=" in ran.stderr) == (1, True)
    assert git(checkout, "status", "--porcelain") == ""


def test_the_unit_tests_that_the_makefile_names_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    [paths] = re.findall(r"^UNIT := (.*)$", makefile, re.MULTILINE)
    named = {*paths.split(), *re.findall(r"--deselect (\S+)::", makefile)}
    assert [path for path in named if not (ROOT / path).exists()] == []
