"""Changes of columns that migrations need and one engine has no statement for."""

import re

from sqlalchemy import Connection, text


def let_be_null(connection: Connection, table: str, column: str) -> None:
    """Let a column be without a value from now on.

    SQLite has no statement for that. Its documentation (ALTER TABLE, section 7) says to take the constraint out of
    the table's stored text where, as here, what is on disk stays the same; a new table instead could not be put in
    the place of one that others refer to while foreign keys are checked.
    """
    _change(connection, table, column, nullable=True)


def require_value(connection: Connection, table: str, column: str) -> None:
    """Let a column that has a value everywhere never be without one again."""
    _change(connection, table, column, nullable=False)


def _change(connection: Connection, table: str, column: str, *, nullable: bool) -> None:
    if connection.dialect.name != "sqlite":
        action = "DROP NOT NULL" if nullable else "SET NOT NULL"
        connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {column} {action}"))
        return
    stored = text("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = :name")
    before = connection.execute(stored, {"name": table}).scalar_one()
    bare, required = rf"(\b{column} [A-Z]+(?:\(\d+\))?)", r"\1 NOT NULL"
    after = re.sub(rf"{bare} NOT NULL", r"\1", before) if nullable else re.sub(bare, required, before)
    version = connection.execute(text("PRAGMA schema_version")).scalar_one()
    connection.execute(text("PRAGMA writable_schema = ON"))
    connection.execute(
        text("UPDATE sqlite_schema SET sql = :sql WHERE type = 'table' AND name = :name"),
        {"name": table, "sql": after},
    )
    connection.execute(text(f"PRAGMA schema_version = {int(version) + 1}"))
    connection.execute(text("PRAGMA writable_schema = OFF"))
