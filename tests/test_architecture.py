"""What a test can hold of the shape of the code, beside types, style and import contracts."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po

import moderation_service
import schemas
from moderation_service import locales
from moderation_service.domain import comments, decisions
from moderation_service.templating import environment
from schemas import moderation as wire
from schemas.comments import PublicComment
from schemas.problems import FIELD_MESSAGES, PROBLEMS, FieldCode

ROOT = Path(moderation_service.__file__).parent
PACKAGES = (ROOT, Path(schemas.__file__).parent)
SOURCES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
TEMPLATES = sorted(path for path in ROOT.rglob("templates/**/*") if path.suffix in {".html", ".txt"})
LONGEST_FILE = 250
LONGEST_FUNCTION = 50
_DIALECT = re.compile(r"sqlite|postgres|asyncpg", re.IGNORECASE)
_MARKUP = re.compile(r"</?\w+")
_PLACEHOLDER = re.compile(r"%\(\w+\)s|{\w+}")
Messages = set[str | tuple[str, ...]]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT.parent).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_fits_in_a_head(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION or "migrations" in path.parts, node.name


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
    "moderation_service/storage/tables.py": {"sqlite_where", "postgresql_where"},
    "moderation_service/storage/migrations/versions/0001_first.py": {"sqlite_where", "postgresql_where"},
    "moderation_service/storage/migrations/versions/0003_desk.py": {"sqlite_where", "postgresql_where"},
}
"""Which files may name one, and by which words; settings and demo write its URL and are not looked at."""


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if not {"config", "demo"} & set(path.parts)], ids=name_of
)
def test_only_one_file_tells_the_databases_apart(path: Path) -> None:
    allowed = SPEAKING_OF_DATABASES.get(name_of(path), set())
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


def used() -> Messages:
    """Every message that templates, problems and code ask a catalogue for."""
    found: Messages = {text for texts in PROBLEMS.values() for text in texts} | set(FIELD_MESSAGES.values())
    reading = environment(("moderation_service.web",), "en")
    for path in TEMPLATES:
        source = path.read_text(encoding="utf-8")
        extracted = reading.extract_translations(source)  # type: ignore[attr-defined]
        found |= {one for _, _, message in extracted for one in literal(message)}
    for path in SOURCES:
        asked = extract_python(BytesIO(path.read_bytes()), ("gettext", "ngettext"), (), {})
        found |= {one for _, _, message, _ in asked for one in literal(message)}
    return found


def literal(message: object) -> Messages:
    """The message that a call asks for where it stands there as text, not as a variable."""
    texts = message if isinstance(message, tuple) else (message,)
    words = tuple(one for one in texts if isinstance(one, str) and one)
    return {words[0] if len(words) == 1 else words} if words else set()


def catalogue(language: str) -> Catalog:
    with files(locales).joinpath(f"{language}.po").open("rb") as source:
        return read_po(source, locale=language)


def test_there_is_a_catalogue_for_every_language_and_no_other() -> None:
    found = {path.stem for path in (ROOT / "locales").glob("*.po")}
    assert found == set(locales.LANGUAGES) - {locales.SOURCE}


@pytest.mark.parametrize("language", sorted(set(locales.LANGUAGES) - {locales.SOURCE}))
def test_a_catalogue_translates_all_that_is_used_and_nothing_else(language: str) -> None:
    listed = {message.id: message for message in catalogue(language) if message.id}
    assert set(listed) == used()
    assert not catalogue(language).obsolete
    for identity, message in listed.items():
        assert not message.fuzzy
        sources = [identity] if isinstance(identity, str) else list(identity)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        wanted = set(_PLACEHOLDER.findall(sources[-1]))
        for text in texts:
            assert text.strip()
            assert set(_PLACEHOLDER.findall(text)) <= wanted
        assert set(_PLACEHOLDER.findall(texts[-1])) == wanted
        assert not _MARKUP.findall("".join(sources)) or set(_MARKUP.findall(texts[0])) == set(
            _MARKUP.findall(sources[0])
        )
