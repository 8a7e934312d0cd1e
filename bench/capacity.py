"""What a number of comments asks of machines: `python -m bench.capacity` prints the tables of docs/scaling.md.

Each assumption and each measured figure is a field of `Assumed` or `Measured`; change one and print anew.
"""

from dataclasses import dataclass, field, fields

_SECONDS_A_YEAR = 365.25 * 86_400


def _figure(value: float, means: str) -> float:
    """Declare a field with its value and what the table of figures says of it."""
    found: float = field(default=value, metadata={"means": means})
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What is not measured but supposed, of any such number of comments."""

    years: float = _figure(5.0, "years in which they were written")
    peak: float = _figure(10.0, "how many times the mean the busiest minutes are")
    views: float = _figure(200.0, "how often a page with comments is looked at for each comment that is written")
    kept_at_the_edge: float = _figure(
        0.9, "the part of these that a cache between readers and the service answers, as a CDN does"
    )
    in_memory: float = _figure(0.5, "the part of the others that a process has in memory")
    largest_site: float = _figure(0.1, "the part of all comments that are of one site")
    used: float = _figure(0.5, "how much of what a process or a database can do is used at the peak")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one process or one database came to; docs/performance.md and docs/scaling.md say when and how."""

    posts: float = _figure(
        628.0, "posts a second that one process takes with all local checks, on PostgreSQL, on two busy cores"
    )
    posts_of_a_database: float = _figure(3_087.0, "posts a second that one PostgreSQL took, at 256 connections")
    lists_in_memory: float = _figure(16_303.0, "lists a second of one process from memory, on two busy cores")
    lists: float = _figure(
        2_097.0, "lists a second of one process that are not in memory, beside a million comments on PostgreSQL"
    )
    decision: float = _figure(
        0.008, "seconds that a decision holds its site's change counter at most: all that it takes, on PostgreSQL"
    )
    bytes_a_comment: float = _figure(2_000.0, "on disk, indexes and all that belongs to it included")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What so many comments ask for, at the peak where it is a rate."""

    comments: int
    gigabytes: float
    posts: float
    views: float
    lists: float
    processes: float
    database: float
    counter: float


def need(comments: int, assumed: Assumed, measured: Measured) -> Need:
    """Reckon what so many stored comments ask for.

    `processes` are how many serve, at the `used` part of what they can; `database` is which part of one database's
    posts these are, and `counter` which part of the time the largest site's change counter is held.
    """
    posts = comments / (assumed.years * _SECONDS_A_YEAR) * assumed.peak
    views = posts * assumed.views
    lists = views * (1 - assumed.kept_at_the_edge)
    busy = (
        posts / measured.posts
        + lists * assumed.in_memory / measured.lists_in_memory
        + lists * (1 - assumed.in_memory) / measured.lists
    )
    return Need(
        comments=comments,
        gigabytes=comments * measured.bytes_a_comment / 1e9,
        posts=posts,
        views=views,
        lists=lists,
        processes=busy / assumed.used,
        database=posts / measured.posts_of_a_database,
        counter=posts * assumed.largest_site * measured.decision,
    )


SIZES = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
_TITLES = (
    "comments",
    "on disk",
    "posts a second",
    "views a second",
    "lists that reach the service",
    "processes",
    "of one database's posts",
    "of the largest site's counter",
)


def table(assumed: Assumed | None = None, measured: Measured | None = None) -> list[str]:
    """Return the lines of the table, all rates at the peak."""
    lines = ["| " + " | ".join(_TITLES) + " |", "|" + "---|" * len(_TITLES)]
    for comments in SIZES:
        one = need(comments, assumed or Assumed(), measured or Measured())
        cells = (
            f"{comments:,}",
            f"{one.gigabytes:,.0f} GB",
            f"{one.posts:,.2f}",
            f"{one.views:,.0f}",
            f"{one.lists:,.0f}",
            f"{one.processes:,.2f}",
            f"{one.database:.2%}",
            f"{one.counter:.2%}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def figures(values: Assumed | Measured) -> list[str]:
    """Return the lines of a table of what was assumed or measured."""
    rows = [f"| {one.metadata['means']} | {getattr(values, one.name):,g} |" for one in fields(values)]
    return ["| what | figure |", "|---|---|", *rows]


if __name__ == "__main__":
    print("\n".join([*figures(Assumed()), "", *figures(Measured()), "", *table()]))
