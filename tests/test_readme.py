"""README does what it says."""

import re
from dataclasses import fields
from pathlib import Path

from moderation_service.config import Settings, variable
from tests.processes import ROOT

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


def test_every_file_that_the_documents_link_to_exists() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in _LINK.findall(document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_make_target_of_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert Path(ROOT / "LICENSE").exists()
