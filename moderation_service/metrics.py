"""What a process counts and measures: every instrument with its name and labels, in a registry of our own.

A label is of a closed set: never an address, a URL or a text, nothing that a visitor can vary.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from moderation_service.domain.notifications.retry_policy import Action

ACCEPTED = "accepted"
REPLAYED = "replayed"
"""Outcomes of a submission beside the codes of problems; `replayed` repeats an answer given before."""

_ANSWER_SECONDS = (0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailCounters:
    """Messages of one kind that the mail server accepted, and those that did not get through, by what was done."""

    sent: Counter
    refused: Mapping[Action, Counter]


class Metrics:
    """The instruments of one process; `registry` holds them all, without the number of the process."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.submissions = Counter(
            "moderation_submissions",
            "Comments sent to the service, by site and outcome: accepted, replayed, or the code of the problem.",
            ("site", "outcome"),
            registry=registry,
        )
        """By the site, empty where it is not known, and what became of the comment."""
        self.answers = Histogram(
            "moderation_http_answer_seconds",
            "Time from a request's arrival to its answer, by route and class of status; route - is no route.",
            ("method", "route", "status"),
            buckets=_ANSWER_SECONDS,
            registry=registry,
        )
        """By method and path of the row in the route table, and `2xx` to `5xx`."""
        self.group_commit_comments = Histogram(
            "moderation_group_commit_comments",
            "Comments written together in one transaction.",
            buckets=_BATCH_SIZES,
            registry=registry,
        )
        self.group_commit_queue = Gauge(
            "moderation_group_commit_queue", "Comments that wait to be written.", registry=registry
        )
        self.page_cache_lookups = Counter(
            "moderation_page_cache_lookups",
            "Lists asked for, by whether memory had the answer.",
            ("result",),
            registry=registry,
        )
        """By `hit` and `miss`."""
        self.page_cache_bytes = Gauge(
            "moderation_page_cache_bytes", "Bytes of answers kept in memory.", registry=registry
        )
        self.followers = Gauge(
            "moderation_followers",
            "Streams that are open, and requests that wait for changes.",
            registry=registry,
        )
        self._mail_sent = Counter(
            "moderation_mail_sent", "Messages that the mail server accepted.", ("kind",), registry=registry
        )
        self._mail_refused = Counter(
            "moderation_mail_refused",
            "Messages that did not get through, by what was done about them.",
            ("kind", "action"),
            registry=registry,
        )
        self._webhook_posts = Counter(
            "moderation_webhook_posts", "POSTs that the receivers of webhooks took.", registry=registry
        )
        self._webhook_posts_refused = Counter(
            "moderation_webhook_posts_refused",
            "POSTs that the receivers of webhooks did not take, by what was done about them.",
            ("action",),
            registry=registry,
        )
        self.mail_paused = Gauge(
            "moderation_mail_paused",
            "1 while the mail server or our account refuses all mail.",
            registry=registry,
        )
        self.worker_restarts = Counter(
            "moderation_worker_restarts",
            "Failures of a worker, each followed by a new start.",
            ("worker",),
            registry=registry,
        )
        ProcessCollector(registry=registry)

    def webhooks(self) -> MailCounters:
        """Return the counters of what is posted to webhooks."""
        return MailCounters(
            sent=self._webhook_posts,
            refused={action: self._webhook_posts_refused.labels(action) for action in Action},
        )

    def mail(self, kind: str) -> MailCounters:
        """Return the counters of messages of a kind; they are shown from now on, at 0 first."""
        return MailCounters(
            sent=self._mail_sent.labels(kind),
            refused={action: self._mail_refused.labels(kind, action) for action in Action},
        )
