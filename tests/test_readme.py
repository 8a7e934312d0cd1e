"""README does what it says."""

import asyncio
import re
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import pytest

from moderation_service.config import Settings, variable
from tests.processes import ROOT, command, free_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
_LINK = re.compile(r"\]\((?!http)([^)#]+)")


def test_the_settings_table_is_the_settings() -> None:
    expected = []
    for setting in fields(Settings):
        default = setting.metadata["default"]
        shown = "required" if default is None else f"`{default}`" if default else "none"
        expected.append(f"| `{variable(setting.name)}` | {setting.metadata['help']} | {shown} |")
    found = [line for line in README.splitlines() if line.startswith("| `MODERATION_")]
    assert found == expected


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[str]:
    """What `make run` starts, in a folder of its own on a port of its own."""
    settings = {"MODERATION_LISTEN": f"127.0.0.1:{free_port()}", "MODERATION_MAIL_INTERVAL": "0"}
    async with command("demo", environ=settings, folder=tmp_path) as process:
        await process.wait_for("Ctrl-C")
        yield process.url
        assert await process.stop() == 0


async def test_the_curl_lines_pasted_one_after_the_other_do_what_they_say(demo: str, tmp_path: Path) -> None:
    [block] = [one for one in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if one.startswith("BASE=")]
    script = re.sub(r"^BASE=.*", f"BASE={demo}", block)
    pasted = await asyncio.create_subprocess_exec("bash", "-eu", "-c", script, cwd=tmp_path, stdout=PIPE)
    output = (await pasted.communicate())[0].decode()
    assert pasted.returncode == 0, output
    said = [
        *("HTTP/1.1 202", "HTTP/1.1 303", "Approvare questo commento?", "Approvato", '"status":"pending"'),
        *(
            '"outcome":"done"',
            '"history":[',
            '"count":2',
            '"type":"published"',
            '"status": "live"',
            '"status":"ready"',
            'moderation_submissions_total{outcome="accepted",process="1",site="demo"} 2.0',
        ),
        *('"summary":"Submit a comment"', "2 comments on", "((own) =>", "Passo a trovarvi!"),
    ]
    assert [one for one in said if one not in output] == [], output


def test_every_file_that_the_documents_link_to_exists() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in _LINK.findall(document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_make_target_of_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert Path(ROOT / "LICENSE").exists()
