"""What a test can hold of the shape of the code, beside types, style and import contracts."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

import moderation_service
import schemas
from moderation_service.domain.comments import comment
from moderation_service.domain.moderation import decisions
from schemas import moderation as wire
from schemas.comments import PublicComment
from schemas.problems import FieldCode

ROOT = Path(moderation_service.__file__).parent
PACKAGES = (ROOT, Path(schemas.__file__).parent)
SOURCES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
_TEST_FILES = sorted(path for folder in ("tests", "bench") for path in (ROOT.parent / folder).rglob("*.py"))
_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]+")
_SHARED = re.compile(r"tests\.(support|conftest)\b")
_DIALECT = re.compile(r"sqlite|postgres|asyncpg", re.IGNORECASE)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT.parent).as_posix()


def nodes_of(source: Path | str) -> list[ast.AST]:
    """All that a file or a text of Python consists of."""
    return list(ast.walk(ast.parse(source.read_text(encoding="utf-8") if isinstance(source, Path) else source)))


def files_with(word: str, files: list[Path]) -> list[Path]:
    """Files whose text holds a word: only these need to be parsed by who looks for it."""
    found = [path for path in files if word in path.read_text(encoding="utf-8")]
    assert found
    return found


def dialects_named_in(nodes: list[ast.AST]) -> Iterator[str]:
    """Names and texts of a file's code that speak of one database; comments and docstrings may."""
    prose = {
        id(node.value) for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in nodes:
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
    "moderation_service/storage/engine/database.py": None,
    "moderation_service/storage/engine/sqlite_files.py": None,
    "moderation_service/storage/engine/file_copies.py": None,
    "moderation_service/storage/engine/sqlite_connections.py": None,
    "moderation_service/storage/engine/postgresql_server.py": None,
    "moderation_service/storage/engine/faults.py": None,
    "moderation_service/storage/engine/bulk_insert.py": {"postgresql"},
    "moderation_service/storage/engine/columns.py": None,
    "moderation_service/storage/engine/sqlite_reads.py": None,
    "moderation_service/storage/engine/postgresql_reads.py": None,
    "moderation_service/storage/engine/questions.py": None,
    "moderation_service/storage/engine/sqlite_errands.py": None,
    "moderation_service/storage/engine/json_rows.py": None,
    "moderation_service/storage/schema.py": {"sqlite_where", "postgresql_where"},
    "moderation_service/storage/operations/import_spool.py": {"sqlite3"},
    "moderation_service/importing/databases.py": None,
    "moderation_service/importing/sources.py": None,
    "moderation_service/importing/readers/drupal.py": {"sqlite3"},
}
_MIGRATIONS = {"sqlite_where", "postgresql_where"}
"""Which files may name one, and by which words; settings and demo write its URL and are not looked at.

Beside the database: what only one engine has (files and their log; a server or a pooler before it), and the names
that both give to their faults. Databases of other systems are none of ours, and what is imported lies in a
temporary one on its way.
"""


def unexpected_dialects_in(path: Path) -> set[str]:
    """What a file says of one database and may not."""
    unlisted = _MIGRATIONS | {"_DUE_IN_SQLITE"} if "versions" in path.parts else set()
    allowed = SPEAKING_OF_DATABASES.get(name_of(path), unlisted)
    if allowed is None or {"config", "demo"} & set(path.parts):
        return set()
    return set(dialects_named_in(nodes_of(path))) - allowed


def test_only_some_files_tell_the_databases_apart() -> None:
    found = {name_of(path): unexpected_dialects_in(path) for path in SOURCES}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import asyncpg", {"asyncpg"}),
        ("from sqlalchemy.dialects import postgresql as dialect", {"postgresql"}),
        ("execute(sqlite_where=1)", {"sqlite_where"}),
        ('if dialect.name == "sqlite": pass', {"sqlite"}),
        ('database.is_postgresql\n"""For SQLite alone."""  # sqlite', {"is_postgresql"}),
    ],
)
def test_code_that_tells_databases_apart_is_found(source: str, found: set[str]) -> None:
    assert set(dialects_named_in(nodes_of(source))) == found


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
        (wire.Status, comment.Status),
        (wire.Decision, decisions.Decision),
        (wire.Outcome, decisions.Outcome),
    ],
)
def test_the_wire_and_the_domain_know_the_same_words_in_classes_of_their_own(outside: type, inside: type) -> None:
    assert outside is not inside
    assert list(outside) == list(inside)  # type: ignore[call-overload]


def test_the_public_comment_is_written_as_its_schema_says_and_has_no_address() -> None:
    written = [field.name for field in fields(comment.PublicComment)]
    assert written == list(PublicComment().fields)
    assert not [name for name in written if "mail" in name or "address" in name or "contact" in name]


def test_every_fault_that_the_code_names_is_on_the_list() -> None:
    named = set()
    for path in files_with("Fault", SOURCES):
        for node in nodes_of(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fault":
                named |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
    assert named
    assert named <= set(FieldCode)


def constants_patched_in(nodes: list[ast.AST]) -> list[str]:
    """Constants that a file of tests replaces by `setattr`: of a module, or named by a whole path."""
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    patching = [one for one in calls if isinstance(one.func, ast.Attribute) and one.func.attr == "setattr"]
    names = [
        word.value.rpartition(".")[2]
        for one in patching
        for word in one.args[:2]
        if isinstance(word, ast.Constant) and isinstance(word.value, str)
    ]
    return [name for name in names if _CONSTANT.fullmatch(name)]


def other_tests_in(nodes: list[ast.AST]) -> list[str]:
    """Modules of tests that a file imports though they are none that tests share."""
    imported = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    imported += [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    return [name for name in imported if name.startswith("tests.") and not _SHARED.match(name)]


def test_limits_are_passed_and_no_constant_is_patched() -> None:
    found = {name_of(path): constants_patched_in(nodes_of(path)) for path in files_with("setattr", _TEST_FILES)}
    assert {name: constants for name, constants in found.items() if constants} == {}


def test_what_tests_share_lies_in_support() -> None:
    found = {name_of(path): other_tests_in(nodes_of(path)) for path in files_with("tests.", _TEST_FILES)}
    assert {name: modules for name, modules in found.items() if modules} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('monkeypatch.setattr(queue, "WINDOW", 7)', ["WINDOW"]),
        ('with m.context() as patch:\n    patch.setattr(database, "_PATIENCE", 0.1)', ["_PATIENCE"]),
        ('monkeypatch.setattr("moderation_service.log.AGAIN_AFTER", 1)', ["AGAIN_AFTER"]),
        ('monkeypatch.setattr(Composer, "compose", broken)', []),
    ],
)
def test_a_constant_that_is_patched_is_found(source: str, found: list[str]) -> None:
    assert constants_patched_in(nodes_of(source)) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from tests.web.desk.test_desk import opened", ["tests.web.desk.test_desk"]),
        ("def run() -> None:\n    import tests.journeys.test_privacy", ["tests.journeys.test_privacy"]),
        ("from tests.conftest import Clock\nfrom tests.support.running import until", []),
    ],
)
def test_an_import_of_another_test_is_found(source: str, found: list[str]) -> None:
    assert other_tests_in(nodes_of(source)) == found


def test_modules_import_each_other_in_no_circle() -> None:
    """What imports in a circle works or fails by which of its modules a program happens to ask for first."""
    graph = grimp.build_graph("moderation_service", "schemas", exclude_type_checking_imports=True, cache_dir=None)
    order = TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    )
    order.prepare()
