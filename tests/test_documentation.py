"""The documents tell the truth: settings, commands and names are those of the code."""

import ast
import asyncio
import json
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import click
import pytest
from babel import Locale
from standardwebhooks import Webhook

from bench import capacity
from moderation_service.cli import main
from moderation_service.config import Settings, variable
from moderation_service.locales import LANGUAGES
from moderation_service.storage.schema import metadata
from moderation_service.web.operations import openapi
from tests.support import examples
from tests.support.documents import anchors
from tests.support.processes import ROOT, command, free_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / "docs"
SETTINGS = (DOCS / "settings.md").read_text(encoding="utf-8")
API = (DOCS / "api.md").read_text(encoding="utf-8")
DOCUMENTS = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
_LINK = re.compile(r"\]\((?!http)([^)#]*)#?([^)]*)\)")


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def test_the_settings_table_is_the_settings() -> None:
    expected = []
    for setting in fields(Settings):
        default = setting.metadata["default"]
        shown = "required" if default is None else f"`{default}`" if default else "none"
        expected.append(f"| `{variable(setting.name)}` | {setting.metadata['help']} | {shown} |")
    found = [line for line in SETTINGS.splitlines() if line.startswith("| `MODERATION_")]
    assert found == expected


def test_the_document_on_privacy_has_every_column_that_is_stored() -> None:
    text = (DOCS / "privacy.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert all(len(row) == 5 and all(row) for row in rows)
    found = {row[0].strip("`"): re.findall(r"`(\w+)`", row[4]) for row in rows}
    assert found == {table.name: list(table.columns.keys()) for table in metadata.tables.values()}


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[str]:
    """What `make run` starts, in a folder of its own on a port of its own."""
    settings = {"MODERATION_LISTEN": f"127.0.0.1:{free_port()}", "MODERATION_MAIL_INTERVAL": "0"}
    async with command("demo", environ=settings, folder=tmp_path) as process:
        await process.wait_for("Ctrl-C")
        yield process.url
        assert await process.stop() == 0


async def pasted(document: str, demo: str, folder: Path) -> str:
    """Paste a document's lines for a running demo into a shell; return what they say."""
    [block] = [one for one in re.findall(r"```sh\n(.*?)```", document, re.DOTALL) if one.startswith("BASE=")]
    script = re.sub(r"^BASE=\S*", f"BASE={demo}", block)
    process = await asyncio.create_subprocess_exec("bash", "-eu", "-c", script, cwd=folder, stdout=PIPE)
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return output


async def test_the_first_commands_of_readme_are_answered_as_it_shows(demo: str, tmp_path: Path) -> None:
    [shown] = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    assert without_chance(await pasted(README, demo, tmp_path)) == without_chance(shown)


def without_chance(answers: str) -> str:
    """Answers without ids, times, eras and the port, which are others each time."""
    for pattern, name in (
        (r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID"),
        (r"[0-9-]{10}T[0-9:.]+Z", "TIME"),
        (r"\b[0-9a-f]{12}\b", "EPOCH"),
        (r"127\.0\.0\.1:[0-9]+", "HOST"),
    ):
        answers = re.sub(pattern, name, answers)
    return answers.strip()


async def test_the_curl_lines_pasted_one_after_the_other_do_what_they_say(demo: str, tmp_path: Path) -> None:
    output = await pasted(API, demo, tmp_path)
    said = [
        *("HTTP/1.1 202", "HTTP/1.1 303", "Approvare questo commento?", "Approvato", '"status":"pending"'),
        *(
            '"outcome":"done"',
            '"history":[',
            '"count":2',
            '"type":"published"',
            '"status":"withdrawn"',
            '"status": "live"',
            '"status":"ready"',
            'moderation_submissions_total{outcome="accepted",process="1",site="demo"} 3.0',
        ),
        *('"summary":"Submit a comment"', "2 comments on", "((own) =>", "Passo a trovarvi!"),
    ]
    assert [one for one in said if one not in output] == [], output


@pytest.mark.parametrize("document", [ROOT / "README.md", DOCS / "webhooks.md"], ids=name_of)
def test_the_webhook_that_is_shown_is_one_that_was_sent(document: Path) -> None:
    """What was sent is kept as an example of the API, by a test that receives it."""
    [block] = re.findall(r"```http\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    headers, _, body = block.partition("\n\n")
    shown = dict(re.findall(r"^(webhook-\w+): (.*)$", headers, re.MULTILINE))
    sent = examples.kept()["webhook change"]
    assert (shown, json.loads(body)) == (sent["parameters"], sent["body"])
    [secret] = re.findall(r"whsec_[A-Za-z0-9+/=]+", openapi.text("webhooks"))
    moment = datetime.fromtimestamp(int(shown["webhook-timestamp"]), UTC)
    assert Webhook(secret).sign(shown["webhook-id"], moment, body.strip()) == shown["webhook-signature"]


CLIENTS = (
    ([sys.executable], "python.py", "urn:moderation-service:problem:invalid_fields ['required']\napproved: 0\n"),
    (["node"], "js.mjs", "urn:moderation-service:problem:invalid_fields [ 'invalid_email' ]\nup to date\n"),
    (["php"], "php.php", "422: wrong_type\napproved: 0\n"),
    (["go", "run"], "go.go", "422 required\napproved: 0\n"),
)
"""What runs a block of the document, the file that it is put into, and the last lines that it prints."""


async def test_the_clients_of_the_documentation_do_what_they_say(demo: str, tmp_path: Path) -> None:
    text = (DOCS / "clients.md").read_text(encoding="utf-8")
    output = await pasted(text, demo, tmp_path)
    assert '"status":"pending"' in output
    assert '"code":"invalid_email","message":"Bitte' in output
    assert output.endswith("}304\n")

    missing = [program[0] for program, *_ in CLIENTS if shutil.which(program[0]) is None]
    for program, file, says in CLIENTS:
        if program[0] not in missing:
            [block] = re.findall(rf"```{file.partition('.')[0]}\n(.*?)```", text, re.DOTALL)
            output = await run_of(block, program, demo, tmp_path / file)
            assert output.startswith("waits: ")
            assert output.endswith(says), output
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {' and no '.join(missing)} here")


async def run_of(source: str, program: list[str], demo: str, file: Path) -> str:
    """Run a client of a running demo; what it says."""
    await asyncio.to_thread(file.write_text, source, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(*program, str(file), demo, stdout=PIPE)
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return output


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_whatever_a_document_links_to_exists(document: Path) -> None:
    for target, anchor in _LINK.findall(document.read_text(encoding="utf-8")):
        file = document.parent / target if target else document
        assert file.exists(), f"{document.name} links to {target}"
        assert not anchor or anchor in anchors(file), f"{document.name} links to {target}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


_COMMAND = re.compile(r"(?:^|[\s`(])moderation-service ([a-z][^`\n#|]*)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_and_option_that_is_named_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    code = [*re.findall(r"^```.*?^```", text, re.DOTALL | re.MULTILINE), *named(document)]
    for line in (line for one in code for line in _COMMAND.findall(one)):
        command: click.Command = main
        for word in line.split():
            if not isinstance(command, click.Group):
                break
            assert word in command.commands or not word.isalpha() or word.isupper(), f"no command {line}"
            if word not in command.commands:
                break
            command = command.commands[word]
        options = {name for one in command.params for name in one.opts} | {"--help", "--version"}
        assert set(_OPTION.findall(line)) <= options, line


FOR_DEVELOPERS = [ROOT / "CONTRIBUTING.md", DOCS / "architecture.md", *sorted((DOCS / "decisions").glob("*.md"))]
_CODE = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"([\w.-]+/)*[\w.-]+\.(?:py|md|toml|sh|yml|html|js|css)(?::([A-Za-z_][\w.]*))?")
_FOLDER = re.compile(r"(?:[\w.-]+/)+[\w.-]*")
_METHOD = re.compile(r"([A-Z]\w*[a-z]\w*)\.([a-z_]\w*)(?:\(.*\))?")
_PLACES = (ROOT, ROOT / "moderation_service")
_MADE_LATER = {"htmlcov/", "dist/"}


def named(document: Path) -> list[str]:
    """What a document sets as code within its sentences and tables."""
    return _CODE.findall(_FENCE.sub("", document.read_text(encoding="utf-8")))


def found(path: str) -> Path | None:
    """The file or folder that is meant, by its path in the repository or in the service's package."""
    return next((place / path for place in _PLACES if (place / path).exists()), None)


@cache
def definitions(file: Path) -> frozenset[str]:
    """Names that a module defines: functions, classes, constants, and `Class.name` for what classes hold."""
    names = set[str]()

    def collect(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    collect(node.body, f"{prefix}{node.name}.")
                    collect(
                        [one for one in ast.walk(node) if isinstance(one, ast.Assign)], f"{prefix}{node.name}."
                    )
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name | ast.Attribute):
                        names.add(prefix + (target.id if isinstance(target, ast.Name) else target.attr))

    collect(ast.parse(file.read_text(encoding="utf-8")).body, "")
    return frozenset(names)


@cache
def methods() -> frozenset[str]:
    """`Class.name` for all that the classes of the service define."""
    files = [*(ROOT / "moderation_service").rglob("*.py"), *(ROOT / "schemas").rglob("*.py")]
    return frozenset(one for file in files for one in definitions(file) if "." in one)


def is_there(name: str) -> bool:
    """Whether a file, a folder or a function that is named as such exists; true for what is none of these."""
    if file := _FILE.fullmatch(name):
        path = found(name.partition(":")[0])
        return path is not None and (file[2] is None or file[2] in definitions(path))
    if _FOLDER.fullmatch(name) and name not in _MADE_LATER:
        return found(name) is not None
    if method := _METHOD.fullmatch(name):
        return f"{method[1]}.{method[2]}" in methods()
    return True


@pytest.mark.parametrize("document", FOR_DEVELOPERS, ids=name_of)
def test_every_file_and_function_that_is_named_exists(document: Path) -> None:
    assert [one for one in named(document) if not is_there(one)] == []


def test_a_name_that_is_none_is_noticed() -> None:
    wrong = [
        "web/shortcuts.py",
        "web/routes.py:NOTHING",
        "services/admission/",
        "Database.ask(work)",
        "services/submission",
    ]
    assert [one for one in wrong if is_there(one)] == []
    right = ["web/routes.py:ENDPOINTS", "Database.transact", "storage/engine", "tests/conftest.py", "body_html"]
    assert [one for one in right if not is_there(one)] == []


def test_each_threat_names_a_test_that_there_is_or_is_said_to_be_open() -> None:
    """A line of the threats' tables is a threat: asset, threat, what answers it, and one test below `tests/`."""
    lines = [line for line in (DOCS / "threats.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    threats = [line for line in lines if not line.startswith("| asset |")]
    assert len(threats) > 50
    assert len(set(threats)) == len(threats)
    wrong = []
    for line in threats:
        *_, test = cells = [cell.strip() for cell in line.strip("|").split("|")]
        named = re.fullmatch(r"`([\w/]+\.py)::(test_\w+)`", test)
        file = ROOT / "tests" / named[1] if named else None
        is_there = named and file and file.exists() and named[2] in definitions(file)
        if len(cells) != 4 or not all(cells) or not (is_there or test == "**open**"):
            wrong.append(line)
    assert wrong == []


@pytest.mark.parametrize("document", [ROOT / "README.md", DOCS / "mail.md", DOCS / "errors.md"], ids=name_of)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_named_where_languages_are_listed(document: Path, language: str) -> None:
    assert str(Locale(language).english_name) in document.read_text(encoding="utf-8")


def test_the_tables_of_what_many_comments_ask_for_are_recomputed() -> None:
    lines = (DOCS / "scaling.md").read_text(encoding="utf-8").splitlines()
    recomputed = [
        *capacity.figures(capacity.Assumed()),
        *capacity.figures(capacity.Measured()),
        *capacity.table(),
    ]
    assert [line for line in recomputed if line not in lines] == []


def test_no_two_decisions_have_one_number() -> None:
    numbers = [path.name[:4] for path in (DOCS / "decisions").glob("*.md")]
    assert sorted(numbers) == [f"{number:04}" for number in range(1, len(numbers) + 1)]
