"""What a site gets, over all replicas: too much on a page or a site, much the same from everywhere, an attack.

Nothing is refused for any of it. Each process counts in memory what it stored, and once a second tells the others
and hears from them by the database; how a site stands is decided by whoever notices first.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

import structlog

from moderation_service.domain.accounts.sites import ProofOfWork, Site
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.screening import alikeness
from moderation_service.domain.screening.assessment import NOTHING, Finding, Reason, Verdict
from moderation_service.domain.screening.attack import PERIODS, Standing
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.domain.screening.traffic import ALIKE_WITHIN, PERIOD, SiteTraffic, page_number
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.screening import traffic
from moderation_service.storage.screening.traffic import Reports

KEPT_REPORTS = timedelta(minutes=ALIKE_WITHIN)
"""How long a report is kept that its process does not replace, unless the window of a site is longer."""

ALIKE = 8
"""The points of a comment that says much the same as others from many networks."""

_UNKNOWN = "unknown"
_PURPOSE = "traffic"
_HEARD_AGAIN = timedelta(seconds=10)
_WEEK = timedelta(days=7)
_MOST_COUNTED = 1_000_000
_NETWORKS_REMEMBERED = 4_096
_WINDOWS_REMEMBERED = 256

_log = structlog.stdlib.get_logger(__name__)

OnAttack = Callable[[Connection, Site, datetime], Awaitable[None]]
"""Called in the transaction in which an attack on a site begins, with the moment."""


@dataclass(slots=True)
class _Heard:
    """The last reports of other processes, and from when on there may be later ones."""

    reports: Reports = field(default_factory=dict)
    since: datetime | None = None


class Traffic:
    """Looks at comments before they are stored, counts them afterwards, and knows which sites are under attack."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        *,
        clock: Callable[[], datetime],
        process_id: str,
        on_attack: OnAttack,
    ) -> None:
        """`process_id` is a UUID that no other process has, nor this one after its next start."""
        self._database = database
        self._directory = directory
        self._clock = clock
        self._process_id = process_id
        self._on_attack = on_attack
        self._sites: dict[str, SiteTraffic] = {}
        self._heard = _Heard()
        self._standings: dict[str, Standing] = {}
        self._tag = lru_cache(_NETWORKS_REMEMBERED)(lambda network: keys.keyed_hash(_PURPOSE, network)[:12])

    def look(self, candidate: Candidate) -> Finding:
        """Say whether a comment is one too many for its page or site, or like others from many networks.

        Networks that are exempt are not looked at; the group of texts that are alike is given for all.
        """
        sketch = alikeness.sketch(candidate.body)
        if candidate.is_exempt:
            return Finding(text_group=sketch.whole)
        site = candidate.site
        known, minute = self._of(site), _minute(candidate.at)
        alike = known.alike(minute, sketch)
        reasons: list[Reason] = []
        if alike.is_spread:
            reasons.append(Reason("alike", ALIKE, str(alike.posts)))
        if known.on_page(minute, page_number(candidate.page_url)) >= site.screening.posts_per_page:
            reasons.append(Reason("busy_page"))
        if known.on_site(minute) >= site.screening.posts_per_site:
            reasons.append(Reason("busy_site"))
        verdict = Verdict.SUSPECT if reasons else NOTHING.verdict
        return Finding(tuple(reasons), verdict, text_group=alike.group)

    def count(self, candidate: Candidate) -> None:
        """Count a comment, or a new text of one, that was stored."""
        if candidate.is_exempt:
            return
        self._of(candidate.site).add(
            _minute(candidate.at),
            page_number(candidate.page_url),
            alikeness.sketch(candidate.body),
            self._tag(candidate.network if "/" in candidate.network else _UNKNOWN),
        )

    def is_work_wanted(self, site: Site) -> bool:
        """Tell whether everybody who comments on a site is to be asked for proof of work just now.

        That is while it is under attack, or gets more than it is set to, unless it never asks for any.
        """
        if site.screening.proof_of_work is ProofOfWork.OFF:
            return False
        standing = self._standings.get(site.id)
        if standing is not None and standing.attack_since is not None:
            return True
        known = self._sites.get(site.id)
        return known is not None and known.on_site(_minute(self._clock())) >= site.screening.posts_per_site

    @property
    def attacks(self) -> dict[str, datetime]:
        """The ids of the listed sites that are under attack, and since when."""
        return {
            site.id: standing.attack_since
            for site in self._directory.sites
            if (standing := self._standings.get(site.id)) is not None and standing.attack_since is not None
        }

    async def share(self) -> None:
        """Tell the other processes what came here, hear what came there, and see how every site stands."""
        now = self._clock()
        minute = _minute(now)
        changed = {site_id: one for site_id, one in self._sites.items() if one.is_changed}
        if changed:
            reports = {site_id: one.report(minute) for site_id, one in changed.items()}
            try:
                async with self._database.write() as connection:
                    await traffic.tell(connection, self._process_id, reports, at=now)
            except BaseException:
                for one in changed.values():
                    one.is_changed = True
                raise
        async with self._database.read() as connection:
            await self._hear(connection, now)
            self._standings = await traffic.standings(connection)
        for site in self._directory.sites:
            await self._follow(site, now)

    async def _hear(self, connection: Connection, now: datetime) -> None:
        """Read the reports that are new, and a few of before: clocks differ, and a transaction takes its time."""
        oldest = now - max(KEPT_REPORTS, self._directory.sites.longest_window())
        heard = await traffic.told_since(connection, self._process_id, self._heard.since or oldest)
        self._heard.since = now - _HEARD_AGAIN
        known = self._heard.reports
        fresh = {key[1] for key, one in heard.items() if known.get(key) != one}
        self._heard.reports = {key: one for key, one in (known | heard).items() if one.at >= oldest}
        for site in self._directory.sites:
            if site.id in fresh:
                self._of(site).hear(self._reports_of(site))

    async def _follow(self, site: Site, now: datetime) -> None:
        """Count the period that is over, and let an attack begin or end."""
        before = self._standings.get(site.id)
        if before is None:
            before = await self._begin(site, now)
        minute, known = _minute(now), self._of(site)
        last = minute // PERIOD - 1
        after = before.with_period(last, known.in_minutes(last * PERIOD, last * PERIOD + PERIOD - 1))
        after = after.moved(known.in_minutes(minute - PERIOD + 1, minute), now)
        if after == before:
            return
        async with self._database.write() as connection:
            if not await traffic.move(connection, site.id, before, after):
                return
            if before.attack_since is None and after.attack_since is not None:
                await self._on_attack(connection, site, now)
        self._standings[site.id] = after
        if (before.attack_since is None) is not (after.attack_since is None):
            began = after.attack_since is not None
            _log.warning(
                "screening.attack_began" if began else "screening.attack_ended",
                site=site.id,
                usual=round(after.usual, 1),
            )

    async def _begin(self, site: Site, now: datetime) -> Standing:
        """Store how a site stands that was not watched yet: what it got in the last week is usual."""
        async with self._database.read() as connection:
            count = await traffic.comments_since(connection, site.id, _first_id(now - _WEEK), most=_MOST_COUNTED)
        begun = Standing(
            usual=count / PERIODS, periods=PERIODS if count else 0, counted_until=_minute(now) // PERIOD - 1
        )
        async with self._database.write() as connection:
            await traffic.begin(connection, site.id, begun)
            stored = await traffic.standings(connection)
        self._standings[site.id] = stored[site.id]
        return stored[site.id]

    def _of(self, site: Site) -> SiteTraffic:
        """Return what is known of a site; with another window nothing is."""
        window = _minutes(site.screening.window)
        known = self._sites.get(site.id)
        if known is None or known.window != window:
            known = self._sites[site.id] = SiteTraffic(window)
            known.hear(self._reports_of(site))
        return known

    def _reports_of(self, site: Site) -> list[bytes]:
        return [one.report for (_, site_id), one in self._heard.reports.items() if site_id == site.id]


@lru_cache(_WINDOWS_REMEMBERED)
def _minutes(window: timedelta) -> int:
    """Return how many minutes a window has, the last one whole."""
    return -(-int(window.total_seconds()) // 60)


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def _first_id(moment: datetime) -> str:
    """Return the lowest UUIDv7 of a moment."""
    digits = f"{int(moment.timestamp() * 1_000):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"
