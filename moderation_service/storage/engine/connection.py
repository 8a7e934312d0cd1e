"""What a query may ask of a connection: as much as a batch in the writer's thread and a pool both offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVarTuple, overload

from sqlalchemy import CursorResult, Dialect, Executable
from sqlalchemy.sql.selectable import TypedReturnsRows

Columns = TypeVarTuple("Columns")


class Connection(Protocol):
    """Runs statements within a transaction; SQLAlchemy's AsyncConnection is one."""

    @property
    def dialect(self) -> Dialect:
        """How the database spells its SQL."""

    @overload
    async def execute(
        self,
        statement: TypedReturnsRows[*Columns],
        parameters: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
    ) -> CursorResult[*Columns]: ...

    @overload
    async def execute(
        self,
        statement: Executable,
        parameters: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
    ) -> CursorResult[*tuple[Any, ...]]: ...

    async def exec_driver_sql(
        self, statement: str, parameters: tuple[Any, ...] | list[tuple[Any, ...]] | None = None
    ) -> CursorResult[Any]:
        """Run SQL as the driver takes it, once or for each of several rows."""
