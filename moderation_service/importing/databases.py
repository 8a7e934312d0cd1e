"""Tables of other systems: of a SQLite file, of PostgreSQL, or of a dump: of these by way of a temporary file."""

import asyncio
import re
import sqlite3
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

from moderation_service.domain.importing.records import BrokenFileError
from moderation_service.importing.sources import Source, lines

_INSERT = re.compile(r"\s*(?:INSERT(?:\s+IGNORE)?|REPLACE)\s+INTO\s+", re.IGNORECASE)
_CREATE = re.compile(r"\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?", re.IGNORECASE)
_COPY = re.compile(r"COPY\s+([\w.\"]+)\s*\(([^)]*)\)\s+FROM\s+stdin;", re.IGNORECASE)
_NAME = re.compile(r"(?:[\w$]+|`[^`]+`|\"[^\"]+\"|\[[^\]]+\])(?:\.(?:[\w$]+|`[^`]+`|\"[^\"]+\"))?")
_COLUMN = re.compile(r"\s*(?:--[^\n]*\n\s*)*(`[^`]+`|\"[^\"]+\"|\[[^\]]+\]|\w+)")
_MARK = re.compile(r"'(?:''|[^'])*'|`[^`]*`|\"[^\"]*\"|\[[^\]]*\]|--[^\n]*|[(),]")
"""What parts a list of columns, past texts, names and remarks."""
_NO_COLUMNS = ("primary", "key", "unique", "constraint", "index", "fulltext", "foreign", "check", "spatial")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "", "Z": "", "b": "\b"}
_TABLES = """SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"""
_COLUMNS_OF = """SELECT column_name FROM information_schema.columns
WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position"""
_MOST_LINES = 200_000
_BEGIN = 2_000
"""So much of a dump says what made it."""
_MOST_OF_A_STATEMENT = 32
"""So many times the longest text may one statement have."""
_LITERAL = re.compile(r"^(?:PRAGMA foreign_keys=|-- PostgreSQL database dump|COPY [\w.\"]+ \()", re.MULTILINE)
"""What dumps of SQLite and PostgreSQL begin with, in whose texts a backslash is a backslash."""
_ENDS = (
    (re.compile(r"^PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;"), re.compile(r"COMMIT;|ROLLBACK;")),
    (
        re.compile(r"^-- PostgreSQL database dump$", re.MULTILINE),
        re.compile("-- PostgreSQL database dump complete"),
    ),
    (re.compile(r"^-- (?:MySQL|MariaDB) dump ", re.MULTILINE), re.compile("-- Dump completed")),
)
"""How dumps begin, and the line with which such a one ends."""
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_CALL = re.compile(r"(replace|unistr|char)\s*\(", re.IGNORECASE)
"""How SQLite dumps texts of several lines."""
_UNISTR = re.compile(r"\\(?:u?([0-9a-f]{4})|\+([0-9a-f]{6})|U([0-9a-f]{8})|(\\))", re.IGNORECASE)


def has_tables(source: Source, *names: str) -> bool:
    """Tell whether a SQLite file, or the begin of a dump, has tables with these names or ends of names."""
    if source.is_folder:
        return False
    if source.is_database:
        with closing(_connected(source, ())) as connection:
            found = tables(connection)
        return all(any(one == name or one.endswith(f"_{name}") for one in found) for name in names)
    head = source.begin
    if not re.search(r"CREATE\s+TABLE|INSERT\s+INTO|^COPY\s", head, re.IGNORECASE | re.MULTILINE):
        return False
    with source.opened() as stream:
        seen: set[str] = set()
        for number, line in lines(stream):
            if match := re.match(
                r"\s*(?:CREATE\s+TABLE(?:\s+IF\s+NOT\s+EXISTS)?|INSERT\s+(?:IGNORE\s+)?INTO|COPY)\s+",
                line,
                re.IGNORECASE,
            ):
                seen.add(_table_name(line[match.end() :]))
            if all(any(one == name or one.endswith(f"_{name}") for one in seen) for name in names):
                return True
            if number > _MOST_LINES:
                break
    return False


@contextmanager
def opened(source: Source, names: Collection[str]) -> Iterator[sqlite3.Connection]:
    """Lend a connection that reads tables of these names: rows by column; what a dump lacks, it lacks too."""
    connection = _connected(source, names) if source.is_database else _loaded(source, names)
    connection.row_factory = sqlite3.Row
    try:
        yield connection
    except sqlite3.DatabaseError as error:
        raise BrokenFileError("", f"the database cannot be read: {error}") from error
    finally:
        connection.close()


def tables(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all tables."""
    try:
        return [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    except sqlite3.DatabaseError as error:
        raise BrokenFileError("", f"the database cannot be read: {error}") from error


def rows(connection: sqlite3.Connection, table: str, *, order: str = "rowid") -> Iterator[dict[str, Any]]:
    """Return the rows of a table by its name, or by the end of it where all have a prefix; none without it."""
    found = [one for one in tables(connection) if one == table or one.endswith(f"_{table}")]
    if not found:
        return
    name = min(found, key=len)
    for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY {order}'):  # noqa: S608 - a name that is there
        yield dict(zip(row.keys(), row, strict=True))


def _connected(source: Source, names: Collection[str]) -> sqlite3.Connection:
    if source.url:
        return _fetched(source, names)
    connection = sqlite3.connect(f"{source.path.resolve().as_uri()}?mode=ro", uri=True)
    connection.text_factory = lambda data: data.decode(errors="replace")
    return connection


def _fetched(source: Source, names: Collection[str]) -> sqlite3.Connection:
    """Copy tables of a database of PostgreSQL into a temporary one, and of all others only their names."""
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("BEGIN")
    with ThreadPoolExecutor(1) as thread:  # whoever asks may be in a loop of its own
        thread.submit(asyncio.run, _fetch(source.url, names, connection)).result()
    return connection


async def _fetch(url: str, names: Collection[str], connection: sqlite3.Connection) -> None:
    try:
        import asyncpg  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise BrokenFileError("", "reading a database of PostgreSQL needs the extra `postgres`") from error
    try:
        server = await asyncpg.connect(url)
    except (OSError, ValueError, asyncpg.PostgresError) as error:
        raise BrokenFileError("", f"the database cannot be reached: {type(error).__name__}") from error
    try:
        async with server.transaction(isolation="repeatable_read", readonly=True):
            for schema, name in await server.fetch(_TABLES):
                columns = [row[0] for row in await server.fetch(_COLUMNS_OF, schema, name)]
                listed = ", ".join(f'"{one}"' for one in columns)
                connection.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({listed})')
                if _wanted(name, names) is not None:
                    rows = server.cursor(f'SELECT * FROM "{schema}"."{name}"')  # noqa: S608 - names that are there
                    async for row in rows:
                        _insert(connection, name, columns, [_as_stored(one) for one in row])
    finally:
        await server.close()


def _as_stored(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, (int, float, str)) else str(value)


def _loaded(source: Source, names: Collection[str]) -> sqlite3.Connection:
    connection = sqlite3.connect("", isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("BEGIN")
    columns: dict[str, list[str]] = {}
    escapes = _LITERAL.search(source.begin) is None
    end = next((end for begin, end in _ENDS if begin.search(source.begin[:_BEGIN])), None)
    with source.opened() as stream:
        found = lines(stream, with_blank=True)
        number = 0
        for number, line in found:
            if end is not None and end.match(line):
                end = None
            elif (match := _COPY.match(line)) and (table := _wanted(match[1], names)):
                _copy(connection, table, [_bare(one) for one in match[2].split(",")], found)
            elif match := _CREATE.match(line):
                if table := _wanted(line[match.end() :], names):
                    columns[table] = _declared(_statement(line, found, source.longest, escapes=escapes))
            elif (match := _INSERT.match(line)) and (table := _wanted(line[match.end() :], names)):
                rest = _statement(line, found, source.longest, escapes=escapes)[match.end() :]
                after = rest[_name_length(rest) :]
                with _placed(number):
                    _insert_all(connection, table, after, columns.get(table), escapes=escapes)
    if end is not None:
        raise BrokenFileError(f"behind line {number:,}", "is cut: the last line of such a dump is missing")
    return connection


@contextmanager
def _placed(number: int) -> Iterator[None]:
    """Name the line of rows that are not as they should be."""
    try:
        yield
    except (ValueError, IndexError, OverflowError, RecursionError) as error:
        raise BrokenFileError(f"line {number:,}", f"has rows that cannot be read: {error}") from error


def _copy(
    connection: sqlite3.Connection, table: str, columns: list[str], following: Iterator[tuple[int, str]]
) -> None:
    """Take over the rows that PostgreSQL writes a line each, up to their end."""
    for number, row in following:
        if row.startswith("\\."):
            return
        if row.strip():
            with _placed(number):
                _insert(connection, table, columns, [_copied(one) for one in row.rstrip("\r\n").split("\t")])
    raise BrokenFileError("", f"is cut: it ends among the rows of {table}")


def _statement(line: str, following: Iterator[tuple[int, str]], longest: int, *, escapes: bool) -> str:
    """Return a whole statement, which may go on over several lines, blank ones of its texts too."""
    parts, size, quotes = [line], len(line), _quotes(line, escapes=escapes)
    while quotes % 2 or not parts[-1].rstrip().endswith(";"):
        number, more = next(following, (0, ""))
        if not more:
            raise BrokenFileError("", f"is cut: it ends within a statement that begins {line[:40].strip()!r}")
        parts.append(more)
        size += len(more)
        quotes += _quotes(more, escapes=escapes)
        if size > _MOST_OF_A_STATEMENT * longest:
            most = _MOST_OF_A_STATEMENT * longest // 1024**2
            raise BrokenFileError(f"line {number:,}", f"lies in a statement of more than {most} MB")
    return "".join(parts)


def _quotes(line: str, *, escapes: bool) -> int:
    """Return how many quotation marks open or close texts; two in a row inside of one make no difference."""
    return (_ESCAPED.sub("", line) if escapes else line).count("'")


def _wanted(text: str, names: Collection[str]) -> str | None:
    name = _table_name(text)
    return name if any(name == one or name.endswith(f"_{one}") for one in names) else None


def _table_name(text: str) -> str:
    match = _NAME.match(text)
    return "" if match is None else _bare(match[0])


def _name_length(text: str) -> int:
    match = _NAME.match(text)
    return 0 if match is None else match.end()


def _bare(name: str) -> str:
    parts = re.findall(r"`[^`]+`|\"[^\"]+\"|\[[^\]]+\]|[\w$]+", name)
    return parts[-1].strip('`"[]') if parts else ""


def _declared(statement: str) -> list[str]:
    """Return the columns of a table: what stands between its parentheses, part by part."""
    found = []
    for part in _parts(statement.partition("(")[2]):
        match = _COLUMN.match(part)
        if match and (match[1][0] in '`"[' or match[1].lower() not in _NO_COLUMNS):
            found.append(_bare(match[1]))
    return found


def _parts(inner: str) -> Iterator[str]:
    """Split at commas, but not at those within parentheses and quotation marks."""
    begin = depth = 0
    for match in _MARK.finditer(inner):
        depth += (match[0] == "(") - (match[0] == ")")
        if depth < 0 or (depth == 0 and match[0] == ","):
            yield inner[begin : match.start()]
            begin = match.end()
        if depth < 0:
            return


def _insert_all(
    connection: sqlite3.Connection, table: str, text: str, declared: list[str] | None, *, escapes: bool
) -> None:
    place = len(text) - len(text.lstrip())
    named = declared
    if text[place : place + 1] == "(":
        end = text.index(")", place)
        named = [_bare(one) for one in text[place + 1 : end].split(",")]
        place = end + 1
    place = text.upper().index("VALUES", place) + len("VALUES")
    while (start := text.find("(", place)) >= 0:
        values, place = _row(text, start + 1, escapes=escapes)
        _insert(connection, table, named or [f"column{one}" for one in range(len(values))], values)


def _row(text: str, place: int, *, escapes: bool) -> tuple[list[Any], int]:
    """Read values up to the closing parenthesis."""
    values: list[Any] = []
    while True:
        while text[place] in " \t\r\n,":
            place += 1
        if text[place] == ")":
            return values, place + 1
        value, place = _value(text, place, escapes=escapes)
        values.append(value)


def _value(text: str, place: int, *, escapes: bool) -> tuple[Any, int]:
    if text[place] in "eEnN" and text[place + 1] == "'":
        escapes = escapes or text[place] in "eE"
        place += 1
    if text[place] == "'":
        return _quoted(text, place + 1, escapes=escapes)
    if match := _CALL.match(text, place):
        arguments, end = _row(text, match.end(), escapes=False)
        return _called(match[1].lower(), arguments), end
    end = place
    depth = 0
    while text[end] not in ",)" or depth:
        depth += (text[end] == "(") - (text[end] == ")")
        end += 1
    return _plain(text[place:end].strip()), end


def _called(name: str, arguments: list[Any]) -> str:
    """Return what a function of SQLite makes of its arguments."""
    if name == "char":
        return "".join(map(chr, arguments))
    if name == "unistr":
        [text] = arguments
        return _UNISTR.sub(lambda one: chr(int(one[1] or one[2] or one[3] or "5c", 16)), str(text))
    text, old, new = map(str, arguments)
    return text.replace(old, new)


def _quoted(text: str, place: int, *, escapes: bool) -> tuple[str, int]:
    parts: list[str] = []
    while True:
        one = text[place]
        if one == "\\" and escapes:
            parts.append(_ESCAPES.get(text[place + 1], text[place + 1]))
            place += 2
        elif one == "'":
            if text[place + 1 : place + 2] != "'":
                return "".join(parts), place + 1
            parts.append("'")
            place += 2
        else:
            end = place + 1
            while text[end] != "'" and not (escapes and text[end] == "\\"):
                end += 1
            parts.append(text[place:end])
            place = end


def _plain(word: str) -> Any:
    if word.upper() == "NULL":
        return None
    if word.lower() in ("true", "false"):
        return int(word.lower() == "true")
    try:
        return int(word)
    except ValueError:
        return word


def _copied(value: str) -> Any:
    if value == "\\N":
        return None
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), value, flags=re.DOTALL)


def _insert(connection: sqlite3.Connection, table: str, columns: list[str], values: list[Any]) -> None:
    if len(columns) != len(values):
        raise ValueError(f"{len(values)} values for {len(columns)} columns of {table}")
    known = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
    if not known:
        listed = ", ".join(f'"{one}"' for one in columns)
        connection.execute(f'CREATE TABLE "{table}" ({listed})')
    for one in set(columns) - known if known else ():
        connection.execute(f'ALTER TABLE "{table}" ADD COLUMN "{one}"')
    listed, marks = ", ".join(f'"{one}"' for one in columns), ", ".join("?" * len(columns))
    connection.execute(f'INSERT INTO "{table}" ({listed}) VALUES ({marks})', values)  # noqa: S608 - quoted names
