"""Tables that lose nothing: neither what is too long for the terminal nor what looks like markup."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

_WIDEST = 10_000


def table(*header: str, title: str | None = None) -> Table:
    """Return a table whose cells go on in the next line where they are too long.

    Without a header it has two columns.
    """
    made = Table(title=title, show_header=bool(header))
    for name in header or ("", ""):
        made.add_column(name, overflow="fold")
    return made


def show(tables: Iterable[Table]) -> None:
    """Print tables as wide as the terminal; into a file or another program as wide as they are."""
    console = Console(markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDEST
    for one in tables:
        console.print(one)
