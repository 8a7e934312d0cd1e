"""How much one site gets, on which pages, and how often much the same text: what one process holds of it.

Each process counts what it took in itself, and tells the others by a report, which replaces its last one. What is
looked up is the sum of its own counts and of the reports of the others.
"""

import json
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from heapq import nlargest
from typing import Any, TypeVar

from moderation_service.domain.screening.alikeness import Sketch

ALIKE_FROM = 5
"""From how many client networks much the same text comes before it is suspicious."""

ALIKE_WITHIN = 60
"""For how many minutes a text is remembered of which no more came."""

PERIOD = 10
"""Minutes in which the posts of an attack are counted, whatever the window of the site's limits."""

_MOST_PAGES = 5_000
_MOST_TEXTS = 20_000
_MOST_NETWORKS = 16
_NUMBERS_REMEMBERED = 1_024
_REPORTED_PAGES = 200
_REPORTED_TEXTS = 500
_REPORTED_FROM = 2

_Value = TypeVar("_Value")


class Tally:
    """Counts of the last minutes: of this one and of as many before it as belong to the window."""

    __slots__ = ("_minutes", "_within", "total")

    def __init__(self, within: int, counts: Iterable[Sequence[int]] = ()) -> None:
        """Count `within` minutes, from `counts` on: pairs of a minute's number and how many there were."""
        self._within = within
        self._minutes: deque[list[int]] = deque(sorted([*one] for one in counts))
        self.total = sum(count for _, count in self._minutes)

    def add(self, minute: int, count: int = 1) -> None:
        """Count something; what belongs to an earlier minute than the last one counts as of that."""
        if self._minutes and self._minutes[-1][0] >= minute:
            self._minutes[-1][1] += count
        else:
            self._minutes.append([minute, count])
        self.total += count

    def at(self, minute: int) -> int:
        """Return how many there were in the window that ends with a minute; what was before it is forgotten."""
        minutes = self._minutes
        while minutes and minutes[0][0] <= minute - self._within:
            self.total -= minutes.popleft()[1]
        return self.total

    def between(self, first: int, last: int) -> int:
        """Return how many there were from one minute to another, as far as they are not forgotten."""
        return sum(count for minute, count in self._minutes if first <= minute <= last)

    @property
    def counts(self) -> list[list[int]]:
        """The counts by minutes, as `Tally` takes them."""
        return [[*one] for one in self._minutes]


@dataclass(slots=True)
class Spread:
    """How far a sequence of words has spread: in how many posts, from which client networks, and the last minute.

    `group` is that of the texts in which it came. A site remembers thousands, most of which came once: so networks
    are a tuple.
    """

    group: int
    posts: int = 0
    networks: tuple[str, ...] = ()
    last: int = 0

    def add(self, minute: int, networks: Iterable[str], posts: int = 1) -> None:
        """Note that it came again; of networks no more are remembered than it takes to be sure."""
        self.posts += posts
        self.last = max(self.last, minute)
        for network in networks:
            if len(self.networks) < _MOST_NETWORKS and network not in self.networks:
                self.networks += (network,)


@dataclass(frozen=True, slots=True)
class Alike:
    """The texts that one is like: the group that it is in with them, and how many there were.

    `is_spread` once they came from too many client networks.
    """

    group: int
    posts: int = 0
    is_spread: bool = False


class SiteTraffic:
    """What a process knows of one site's last minutes; of bounded size."""

    def __init__(self, window: int) -> None:
        """Count the posts of pages and of the site within `window` minutes."""
        self.window = window
        self.is_changed = False
        self._site = Tally(window)
        self._period = Tally(2 * PERIOD)
        self._pages: OrderedDict[int, Tally] = OrderedDict()
        self._texts: OrderedDict[int, Spread] = OrderedDict()
        self._repeated: set[int] = set()
        self._others = _Reported(window)

    def add(self, minute: int, page: int, sketch: Sketch, network: str) -> None:
        """Count a post to a page, by the number of it, from a client network.

        What is one of many copies uses up nothing of what page and site may get: others are not to suffer for it.
        """
        self.is_changed = True
        self._period.add(minute)
        alike = self.alike(minute, sketch)
        if not alike.is_spread:
            self._site.add(minute)
            tally = self._pages.get(page) or Tally(self.window)
            _hold(self._pages, page, tally, _MOST_PAGES)
            tally.add(minute)
        group = alike.group
        for number in sketch.numbers:
            spread = self._texts.get(number)
            if spread is None or minute - spread.last > ALIKE_WITHIN:
                _hold(self._texts, number, Spread(group, 1, (network,), minute), _MOST_TEXTS)
                continue
            self._texts.move_to_end(number)
            spread.add(minute, (network,))
            if spread.posts >= _REPORTED_FROM:
                self._repeated.add(number)

    def on_site(self, minute: int) -> int:
        """Return how many posts the site got within its window."""
        return self._site.at(minute) + self._others.site.at(minute)

    def on_page(self, minute: int, page: int) -> int:
        """Return how many posts a page got within the window."""
        return sum(pages[page].at(minute) for pages in (self._pages, self._others.pages) if page in pages)

    def in_minutes(self, first: int, last: int) -> int:
        """Return how many posts the site got from one minute to another, of the last twenty."""
        return self._period.between(first, last) + self._others.period.between(first, last)

    def alike(self, minute: int, sketch: Sketch) -> Alike:
        """Tell what a text is like that is about to come.

        What it shares must come of one group: many texts have a phrase in common with one, and others with others.
        """
        numbers = sketch.numbers
        if self._texts.keys().isdisjoint(numbers) and self._others.texts.keys().isdisjoint(numbers):
            return Alike(sketch.whole)
        found = [one for number in numbers if (one := self._spread(minute, number)) is not None]
        if not found or len(found) < sketch.needed:
            return Alike(sketch.whole)
        groups = [one.group for one in found]
        group = max(groups, key=lambda one: (groups.count(one), -one))
        found = [one for one in found if one.group == group]
        if len(found) < sketch.needed:
            return Alike(sketch.whole)
        posts, networks = (
            sorted(counts)[-sketch.needed]
            for counts in ([one.posts for one in found], [len(one.networks) for one in found])
        )
        return Alike(group, posts, networks >= ALIKE_FROM)

    def _spread(self, minute: int, number: int) -> Spread | None:
        """Return how far a sequence of words has spread here and with the others, None for one that has not."""
        own, others = self._texts.get(number), self._others.texts.get(number)
        if own is not None and minute - own.last > ALIKE_WITHIN:
            own = None
        if others is None or minute - others.last > ALIKE_WITHIN:
            return own
        if own is None:
            return others
        both = Spread(min(own.group, others.group), own.posts, own.networks, own.last)
        both.add(others.last, others.networks, others.posts)
        return both

    def report(self, minute: int) -> bytes:
        """Return what others have to know of what this process counted: all minutes, and what came repeatedly."""
        self.is_changed = False
        self._site.at(minute)
        self._period.at(minute)
        pages = ((page, tally) for page, tally in self._pages.items() if tally.at(minute) >= _REPORTED_FROM)
        texts = {
            number: spread
            for number in self._repeated
            if (spread := self._texts.get(number)) is not None
            and spread.posts >= _REPORTED_FROM
            and minute - spread.last <= ALIKE_WITHIN
        }
        self._repeated = set(texts)
        return json.dumps(
            {
                "site": self._site.counts,
                "period": self._period.counts,
                "pages": {
                    page: tally.counts
                    for page, tally in nlargest(_REPORTED_PAGES, pages, key=lambda one: one[1].total)
                },
                "texts": {
                    number: [spread.group, spread.posts, spread.last, sorted(spread.networks)]
                    for number, spread in nlargest(_REPORTED_TEXTS, texts.items(), key=lambda one: one[1].posts)
                },
            }
        ).encode()

    def hear(self, reports: Iterable[bytes]) -> None:
        """Take over the last reports of all other processes, in place of those of before."""
        others = _Reported(self.window)
        for report in reports:
            others.add(json.loads(report))
        self._others = others


class _Reported:
    """The sum of the reports of other processes."""

    def __init__(self, window: int) -> None:
        self._window = window
        self.site = Tally(window)
        self.period = Tally(2 * PERIOD)
        self.pages: dict[int, Tally] = {}
        self.texts: dict[int, Spread] = {}

    def add(self, report: Mapping[str, Any]) -> None:
        self.site = _sum(self._window, self.site, report["site"])
        self.period = _sum(2 * PERIOD, self.period, report["period"])
        for page, counts in report["pages"].items():
            known = self.pages.get(int(page)) or Tally(self._window)
            self.pages[int(page)] = _sum(self._window, known, counts)
        for number, (group, posts, last, networks) in report["texts"].items():
            spread = self.texts.setdefault(int(number), Spread(group))
            spread.group = min(spread.group, group)
            spread.add(last, networks, posts)


@lru_cache(_NUMBERS_REMEMBERED)
def page_number(page_url: str) -> int:
    """Return the number by which a page is counted."""
    return int.from_bytes(blake2b(page_url.encode(), digest_size=8).digest())


def _sum(within: int, known: Tally, counts: Sequence[Sequence[int]]) -> Tally:
    return Tally(within, [*known.counts, *counts])


def _hold(memory: OrderedDict[int, _Value], key: int, value: _Value, most: int) -> None:
    """Put the newest value into a memory of bounded size; the oldest go."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > most:
        memory.popitem(last=False)
