"""Names, help and labels of every metric. A label is of a closed set: never an address, a URL or a text."""

from collections.abc import Collection, Iterator, Mapping
from math import isinf

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from moderation_service.domain.notices import Action
from moderation_service.services.figures import Figures
from moderation_service.tallies import Distribution, Sendings
from moderation_service.web.traffic import ACCEPTED, Traffic


def submissions(traffic: Traffic, site_ids: Collection[str]) -> Metric:
    """Return what became of submissions; every listed site is there from the start."""
    family = CounterMetricFamily(
        "moderation_submissions",
        "Comments sent to the service, by site and outcome: accepted, replayed, or the code of the problem.",
        labels=("site", "outcome"),
    )
    counts = {(site_id, ACCEPTED): 0 for site_id in site_ids} | traffic.submissions
    for (site_id, outcome), count in sorted(counts.items()):
        family.add_metric((site_id, outcome), count)
    return family


def answers(traffic: Traffic) -> Metric:
    """Return how long answers took; the count of each is how many there were."""
    family = HistogramMetricFamily(
        "moderation_http_answer_seconds",
        "Time from a request's arrival to its answer, by route and class of status; route - is no route.",
        labels=("method", "route", "status"),
    )
    for (method, path, digit), seconds in sorted(traffic.answers.items()):
        family.add_metric((method or "-", path, f"{digit}xx"), _buckets(seconds), seconds.sum)
    return family


def of_writer(batches: Distribution, waiting: int) -> Iterator[Metric]:
    """Yield what the group commit does."""
    sizes = HistogramMetricFamily(
        "moderation_group_commit_comments", "Comments written together in one transaction.", labels=()
    )
    sizes.add_metric((), _buckets(batches), batches.sum)
    yield sizes
    yield _gauge("moderation_group_commit_queue", "Comments that wait to be written.", waiting)


def of_cache(*, hits: int, misses: int, size: int) -> Iterator[Metric]:
    """Yield how much is answered from memory."""
    lookups = CounterMetricFamily(
        "moderation_page_cache_lookups", "Lists asked for, by whether memory had the answer.", labels=("result",)
    )
    lookups.add_metric(("hit",), hits)
    lookups.add_metric(("miss",), misses)
    yield lookups
    yield _gauge("moderation_page_cache_bytes", "Bytes of answers kept in memory.", size)


def of_mail(sendings: Mapping[str, Sendings], *, is_paused: bool) -> Iterator[Metric]:
    """Yield what the mail server did with messages of each kind."""
    sent = CounterMetricFamily("moderation_mail_sent", "Messages that the mail server accepted.", labels=("kind",))
    refused = CounterMetricFamily(
        "moderation_mail_refused",
        "Messages that did not get through, by what was done about them.",
        labels=("kind", "action"),
    )
    for kind, counts in sendings.items():
        sent.add_metric((kind,), counts.accepted)
        for action in Action:
            refused.add_metric((kind, action), counts.refused[action])
    yield sent
    yield refused
    yield _gauge("moderation_mail_paused", "1 while the mail server or our account refuses all mail.", is_paused)


def restarts(counts: Mapping[str, int]) -> Metric:
    """Return how often each worker failed and was started again."""
    family = CounterMetricFamily(
        "moderation_worker_restarts", "Failures of a worker, each followed by a new start.", labels=("worker",)
    )
    for name, count in sorted(counts.items()):
        family.add_metric((name,), count)
    return family


def of_database(read: Figures | None) -> Iterator[Metric]:
    """Yield what all processes and replicas share; nothing but that it is missing where it was not to be had."""
    yield _gauge("moderation_database_up", "1 when the database gave the figures in time.", read is not None)
    if read is None:
        return
    promises = GaugeMetricFamily(
        "moderation_mail_promises_waiting",
        "Promises to tell a moderator of a comment that wait: due ones, and those held back for a digest.",
        labels=("kind",),
    )
    promises.add_metric(("due",), read.waiting.due)
    promises.add_metric(("held_back",), read.waiting.held_back)
    yield promises
    since = read.waiting.oldest
    yield _gauge(
        "moderation_mail_oldest_promise_seconds",
        "Age of the oldest comment that somebody is due to be told of for the first time; 0 without any.",
        max((read.at - since).total_seconds(), 0) if since else 0,
    )
    yield _gauge("moderation_mail_parked_people", "Moderators to whom mail is refused.", read.parked_people)
    yield _gauge("moderation_mail_parked_messages", "Messages that were refused twice.", read.parked_messages)
    yield _gauge(
        "moderation_comments_unheard", "Pending comments of which nobody can be told by mail.", read.unheard
    )
    yield from _pending(read)


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


def _buckets(values: Distribution) -> list[tuple[str, float]]:
    return [("+Inf" if isinf(bound) else str(float(bound)), count) for bound, count in values.up_to()]
