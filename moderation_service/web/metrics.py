"""`/metrics`: the counts of this process and the figures of the database, put into words when somebody asks."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector

from moderation_service.domain.comments import Draft, Receipt
from moderation_service.services.delivery import Delivery
from moderation_service.services.directory import Directory
from moderation_service.services.figures import Figures, Reader
from moderation_service.services.logins import Logins
from moderation_service.storage.group_commit import GroupCommit
from moderation_service.web import metric_families as families
from moderation_service.web.page_cache import PageCache
from moderation_service.web.traffic import Traffic


@dataclass(slots=True, kw_only=True, eq=False)
class Metrics:
    """Everything that counts, with a registry of its own.

    What a process counts is labelled with its number among those of one start, as each answers for itself.
    """

    process: int
    directory: Directory
    writer: GroupCommit[Draft, Receipt]
    cache: PageCache
    delivery: Delivery
    logins: Logins
    figures: Reader
    traffic: Traffic = field(default_factory=Traffic)
    restarts: Counter[str] = field(default_factory=Counter)
    _own: ProcessCollector = field(init=False)
    _registry: CollectorRegistry = field(init=False)
    _read: Figures | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Register with a registry of our own, not with the one that all share."""
        self._own = ProcessCollector(registry=None)
        self._registry = CollectorRegistry()
        self._registry.register(self)

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the format that suits whoever asks, and its content type."""
        self._read = await self.figures.read()
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield all families, those of the process with its number."""
        for family in (*self._counted(), *self._own.collect()):
            for number, sample in enumerate(family.samples):
                labels = {**sample.labels, "process": str(self.process)}
                family.samples[number] = sample._replace(labels=labels)
            yield family
        yield from families.of_database(self._read)

    def _counted(self) -> Iterator[Metric]:
        site_ids = [site.id for site in self.directory.sites]
        yield families.submissions(self.traffic, site_ids)
        yield families.answers(self.traffic)
        yield from families.of_writer(self.writer.batches, self.writer.waiting)
        yield from families.of_cache(hits=self.cache.hits, misses=self.cache.misses, size=self.cache.size)
        sendings = {"moderation": self.delivery.sendings, "login": self.logins.sendings}
        yield from families.of_mail(sendings, is_paused=self.delivery.is_paused)
        yield families.restarts(self.restarts)
