"""What a test can hold of the shape of the code, beside types, style and import contracts."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import moderation_service
import schemas
from moderation_service.domain import comments, decisions
from schemas import moderation as wire
from schemas.comments import PublicComment
from schemas.problems import FieldCode

ROOT = Path(moderation_service.__file__).parent
PACKAGES = (ROOT, Path(schemas.__file__).parent)
SOURCES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
_DIALECT = re.compile(r"sqlite|postgres|asyncpg", re.IGNORECASE)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT.parent).as_posix()


def dialects_named_in(path: Path) -> Iterator[str]:
    """Names and texts of a file's code that speak of one database; comments and docstrings may."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword):
            words = [node.arg]
        elif isinstance(node, ast.Name):
            words = [node.id]
        elif isinstance(node, ast.Attribute):
            words = [node.attr]
        elif isinstance(node, ast.ImportFrom):
            words = [node.module, *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            words = [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            words = [node.value]
        else:
            continue
        yield from (word for word in words if word and _DIALECT.search(word))


SPEAKING_OF_DATABASES = {
    "moderation_service/storage/database.py": None,
    "moderation_service/storage/sqlite_files.py": None,
    "moderation_service/storage/postgresql_server.py": None,
    "moderation_service/storage/engine_faults.py": None,
    "moderation_service/storage/prepared.py": None,
    "moderation_service/storage/json_rows.py": None,
    "moderation_service/storage/tables.py": {"sqlite_where", "postgresql_where"},
}
_MIGRATIONS = {"sqlite_where", "postgresql_where"}
"""Which files may name one, and by which words; settings and demo write its URL and are not looked at.

Beside the database: what only one engine has (files and their log; a server or a pooler before it), and the names
that both give to their faults.
"""


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if not {"config", "demo"} & set(path.parts)], ids=name_of
)
def test_only_one_file_tells_the_databases_apart(path: Path) -> None:
    unlisted = _MIGRATIONS | {"_DUE_IN_SQLITE"} if "versions" in path.parts else set()
    allowed = SPEAKING_OF_DATABASES.get(name_of(path), unlisted)
    if allowed is not None:
        assert set(dialects_named_in(path)) <= allowed


def test_nothing_happens_at_import() -> None:
    modules = sorted(
        name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in SOURCES
        if path.name != "__main__.py" and "migrations" not in path.parts
    )
    program = (
        "import importlib, os, sys, threading\n"
        "before = set(os.listdir('.'))\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert set(os.listdir('.')) == before\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *modules], check=False, capture_output=True
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout == ran.stderr == b""


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        (wire.Status, comments.Status),
        (wire.Decision, decisions.Decision),
        (wire.Outcome, decisions.Outcome),
    ],
)
def test_the_wire_and_the_domain_know_the_same_words_in_classes_of_their_own(outside: type, inside: type) -> None:
    assert outside is not inside
    assert list(outside) == list(inside)  # type: ignore[call-overload]


def test_the_public_comment_is_written_as_its_schema_says_and_has_no_address() -> None:
    written = [field.name for field in fields(comments.PublicComment)]
    assert written == list(PublicComment().fields)
    assert not [name for name in written if "mail" in name or "address" in name or "contact" in name]


def test_every_fault_that_the_code_names_is_on_the_list() -> None:
    named = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fault":
                named |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
    assert named
    assert named <= set(FieldCode)
