"""`/metrics`: what this process counts and the figures of the database, put into words when somebody asks."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from moderation_service.metrics import ACCEPTED, Metrics
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.operations.statistics import Figures, Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposition:
    """All metrics as they are read.

    What a process counts is labelled with its number among those of one start, as each answers for itself.
    """

    process: int
    metrics: Metrics
    directory: Directory
    figures: Reader

    async def text(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the format that suits whoever asks, and its content type."""
        for site in self.directory.sites:
            self.metrics.submissions.labels(site.id, ACCEPTED)
        registry = CollectorRegistry()
        registry.register(_OfProcess(self.metrics.registry, self.process))
        registry.register(_OfDatabase(await self.figures.read()))
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type


class _OfProcess(Collector):
    """What one process counts, with its number, and without when it began to: that is when the process did."""

    def __init__(self, counted: CollectorRegistry, process: int) -> None:
        self._counted = counted
        self._number = {"process": str(process)}

    def collect(self) -> Iterator[Metric]:
        for family in self._counted.collect():
            family.samples = [
                one._replace(labels=one.labels | self._number)
                for one in family.samples
                if not one.name.endswith("_created")
            ]
            yield family


class _OfDatabase(Collector):
    """What all processes and replicas share."""

    def __init__(self, read: Figures | None) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        return of_database(self._read)


def of_database(read: Figures | None) -> Iterator[Metric]:
    """Yield the figures of the database; nothing but that it is missing where it was not to be had."""
    yield _gauge("moderation_database_up", "1 when the database gave the figures in time.", read is not None)
    if read is None:
        return
    notifications = GaugeMetricFamily(
        "moderation_mail_promises_waiting",
        "Notifications of moderators that wait: due ones, and those held back for a digest.",
        labels=("kind",),
    )
    notifications.add_metric(("due",), read.waiting.due)
    notifications.add_metric(("held_back",), read.waiting.held_back)
    yield notifications
    since = read.waiting.oldest
    yield _gauge(
        "moderation_mail_oldest_promise_seconds",
        "Age of the oldest comment that somebody is due to be notified of for the first time; 0 without any.",
        max((read.at - since).total_seconds(), 0) if since else 0,
    )
    yield _gauge(
        "moderation_mail_late",
        "1 while somebody who can be reached should have been notified more than ten minutes ago.",
        read.is_mail_late,
    )
    yield _gauge("moderation_mail_parked_people", "Moderators to whom mail is refused.", read.parked_people)
    yield _gauge("moderation_mail_parked_messages", "Messages that were refused twice.", read.parked_messages)
    yield _gauge(
        "moderation_comments_unheard",
        "Pending comments of which nobody can be notified by mail.",
        read.undeliverable,
    )
    yield from _pending(read)
    attacks = GaugeMetricFamily(
        "moderation_site_under_attack",
        "1 while a site gets ten times as many comments as usual, and two hundred in ten minutes at least.",
        labels=("site",),
    )
    for site_id, is_attacked in read.under_attack.items():
        attacks.add_metric((site_id,), float(is_attacked))
    yield attacks


def _pending(read: Figures) -> Iterator[Metric]:
    count = GaugeMetricFamily(
        "moderation_comments_pending", "Comments that wait for a decision.", labels=("site",)
    )
    age = GaugeMetricFamily(
        "moderation_comments_oldest_pending_seconds",
        "Age of the oldest comment that waits for a decision; 0 without any.",
        labels=("site",),
    )
    for one in read.pending:
        count.add_metric((one.site_id,), one.count)
        age.add_metric((one.site_id,), max((read.at - one.oldest).total_seconds(), 0) if one.oldest else 0)
    yield count
    yield age


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=float(value))
