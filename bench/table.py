"""The table of figures: each beside its limit of the same run."""

from collections.abc import Sequence
from statistics import median

from rich.console import Console

from bench.loader import Load

Pair = tuple[Load, Load]


class Table:
    """Collects rows and prints them as Markdown that also reads well in a terminal."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, ...]] = []

    def add(self, name: str, pairs: Sequence[Pair], *, least: float | None = None, beside: str = "") -> None:
        """Note medians of a subject and of what was measured beside it, and of the ratios of their rates."""
        subjects, limits = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        ratio = median(subject.rate / limit.rate for subject, limit in pairs)
        failed = sum(one.failed for one in subjects)
        wanted = "" if least is None else f"{least:.2f}"
        verdict = "" if least is None else ("yes" if ratio >= least and not failed else "no")
        self._add(
            name,
            f"{median(one.rate for one in subjects):,.0f}",
            f"{median(one.p50 for one in subjects):.1f} / {median(one.p99 for one in subjects):.1f}",
            f"{beside} {median(one.rate for one in limits):,.0f}".strip(),
            f"{ratio:.2f}",
            wanted,
            f"{verdict} ({failed} failed)" if failed else verdict,
        )

    def note(
        self, name: str, figure: str, *, beside: str = "", ratio: str = "", least: str = "", met: str = ""
    ) -> None:
        """Note a figure that is no rate beside a limit."""
        self._add(name, figure, "", beside, ratio, least, met)

    def _add(self, *cells: str) -> None:
        self._rows.append(cells)
        Console(stderr=True, width=150).print(" | ".join(cells))

    def print(self) -> None:
        """Print all rows."""
        titles = ("what", "a second", "p50 / p99 ms", "beside it", "ratio", "at least", "met")
        print("| " + " | ".join(titles) + " |")
        print("|" + "---|" * len(titles))
        for row in self._rows:
            print("| " + " | ".join(row) + " |")
