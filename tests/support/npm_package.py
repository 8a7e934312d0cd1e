"""The npm package of `packages/web`, built, packed and installed into a site that is built with Vite."""

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from tests.support import examples
from tests.support.processes import ROOT

PACKAGE = ROOT / "packages/web"
_TOOLS = PACKAGE / "node_modules"
_PROJECT = ROOT / "tests/fixtures/npm_project"
_SECONDS = 100


async def packed(folder: Path) -> Path:
    """Build a copy of the package in a folder and pack it; the archive."""
    if not (_TOOLS / "vite").is_dir():
        said = "no packages of packages/web; make npm-tools gets them"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(said)
    copy = folder / "package"
    copy.mkdir(parents=True)
    for name in ("package.json", "README.md"):
        shutil.copy(PACKAGE / name, copy)
    await _run(copy, sys.executable, str(PACKAGE / "build.py"), str(copy))
    return folder / (await _run(folder, "npm", "pack", str(copy), "--silent")).strip()


async def installed(archive: Path) -> Path:
    """Install an archive into the site, which finds all else in the folder above; the site's folder."""
    project = archive.parent / "project"
    shutil.copytree(_PROJECT, project)
    (archive.parent / "node_modules").symlink_to(_TOOLS)
    await _run(project, "npm", "install", "--offline", "--silent", str(archive))
    return project


async def checked(project: Path) -> None:
    """Hold the site's sources, and what the service really answers, against the types of the package."""
    (project / "examples.ts").write_text(_examples(), encoding="utf-8")
    await _run(project, "node", str(_TOOLS / "typescript/bin/tsc"))


def _examples() -> str:
    """What programs send and are answered, as constants of the types of the package."""
    lines = ['import type { paths, webhooks } from "@moderation-service/web/types";']
    for place, example in examples.kept().items():
        method, path = place.split(" ", 1)
        is_webhook = method == "webhook"
        operation = f'webhooks["{path}"]["post"]' if is_webhook else f'paths["{path}"]["{method.lower()}"]'
        if not is_webhook and not path.startswith("/api/"):
            continue
        kinds = {f'["responses"][{status}]': answer for status, answer in example.get("answers", {}).items()}
        if "body" in example:
            kinds['["requestBody"]'] = example["body"]
        for kind, value in kinds.items():
            media_type = "problem+json" if '"responses"][4' in kind else "json"
            if not isinstance(value, str):
                written = json.dumps(value, ensure_ascii=False)
                content = f'{operation}{kind}["content"]["application/{media_type}"]'
                lines.append(f"export const example{len(lines)}: {content} = {written};")
    return "\n".join(lines) + "\n"


async def built(project: Path, service: str) -> Path:
    """Build the site for a service; the folder with its pages."""
    said = await _run(project, "node", str(_TOOLS / "vite/bin/vite.js"), "build", VITE_SERVICE=service)
    assert "warn" not in said.lower(), said
    return project / "dist"


async def rendered(project: Path) -> list[str]:
    """What each component is on a server, in React and in Vue."""
    return (await _run(project, "node", "server.js")).splitlines()


async def _run(folder: Path, *command: str, **environ: str) -> str:
    """Run a command in a folder; what it says. Fail where it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=os.environ | environ, stdout=PIPE, stderr=STDOUT
    )
    async with asyncio.timeout(_SECONDS):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()
