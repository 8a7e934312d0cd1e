"""What readers report of a published comment, and what becomes of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.decisions import Channel
from moderation_service.domain.screening.assessment import SUSPECT_FROM

MOST_KEPT = 20
"""How many reports of one comment are kept each with its words; more are counted with one of the same reason."""

MOST_OF_NETWORK = 3
"""How many of them come from one client network; more say nothing new."""


REPORT_PROOF = "report_proof"
"""The kind of delivery that asks to confirm the address of a report; the reference of all is the reporter."""

REPORT_RECEIVED = "report_received"
"""The kind of delivery that says that a report came."""

REPORT_OUTCOME = "report_outcome"
"""The kind of delivery that says what became of a report."""

OUTCOME_WAITS = timedelta(minutes=5)
"""How long that waits: whoever pressed the wrong button takes it back within minutes."""


class ReportOutcome(StrEnum):
    """What became of a reported comment: it stayed published, or moderators took it down."""

    KEPT = "kept"
    WITHDRAWN = "withdrawn"


def outcome_of(status: Status) -> ReportOutcome:
    """Return what became of the reports of a comment that was decided, by where it stands now."""
    return ReportOutcome.KEPT if status is Status.APPROVED else ReportOutcome.WITHDRAWN


def place(*, is_suspect: bool) -> int:
    """Return where a report puts its comment in the queue: before all else that waits, or among the suspects."""
    return SUSPECT_FROM if is_suspect else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReport:
    """What a reader says of a comment, its fields checked; stamp and honeypot as in `Candidate`."""

    reason: str
    explanation: str
    reporter_name: str | None
    reporter_email: str | None = field(repr=False)
    form_stamp: str | None = None
    fills_honeypot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDraft:
    """A report that waits to be stored: of which text of a comment, and from where.

    `network_hashes` are those of the client's network under every listed key, none where it is not known.
    """

    id: str
    comment_id: str
    site_id: str
    reason: str
    explanation: str
    reporter_name: str | None
    address_sealed: bytes | None = field(repr=False)
    address_hash: str | None
    network_hashes: tuple[str, ...]
    is_suspect: bool
    at: datetime

    @property
    def place(self) -> int:
        """Where it puts the comment in the queue."""
        return place(is_suspect=self.is_suspect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report as moderators read it; `times` is more than 1 where others that said the same are counted with it.

    `explanation` is None once it is no longer kept. `outcome` is None while nobody has decided.
    """

    id: str
    comment_id: str
    reason: str
    explanation: str | None
    reporter_name: str | None
    network_hash: str | None = field(repr=False)
    times: int
    is_suspect: bool
    created_at: datetime
    decided_at: datetime | None
    outcome: ReportOutcome | None

    @property
    def place(self) -> int:
        """Where it puts the comment in the queue."""
        return place(is_suspect=self.is_suspect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Whoever reported and gave an address, with the report that theirs went into.

    `explanation` is None where it was counted with another's, or is no longer kept; `outcome` and `means` are None
    while nobody has decided.
    """

    id: str
    comment_id: str
    site_id: str
    created_at: datetime
    proved_at: datetime | None
    outcome_mail: str | None
    explanation: str | None
    outcome: ReportOutcome | None
    means: Channel | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reports:
    """Reports of one comment, the first first."""

    reports: Sequence[Report]

    @property
    def closed(self) -> "Reports":
        """Those that somebody has decided on."""
        return Reports([one for one in self.reports if one.outcome is not None])

    @property
    def count(self) -> int:
        """How many there are, those among them that were counted with others."""
        return sum(one.times for one in self.reports)

    @property
    def reasons(self) -> Mapping[str, int]:
        """How many give each reason, the most frequent first."""
        found = Counter[str]()
        for one in self.reports:
            found[one.reason] += one.times
        return dict(found.most_common())


def same(draft: ReportDraft, known: Sequence[Report]) -> Report | None:
    """Return the open report with which another one is merged unseen, None where it says something new.

    It says nothing new where its network said the same, or has said enough.
    """
    theirs = [one for one in known if one.network_hash is not None and one.network_hash in draft.network_hashes]
    for one in theirs:
        if (one.reason, one.explanation) == (draft.reason, draft.explanation):
            return one
    return theirs[-1] if len(theirs) >= MOST_OF_NETWORK else None


def counted_with(draft: ReportDraft, known: Sequence[Report]) -> Report | None:
    """Return the open report with which another one is counted, None where it is kept by itself.

    A suspect is never counted with one that is none.
    """
    if len(known) < MOST_KEPT:
        return None
    alike = [one for one in known if (one.reason, one.is_suspect) == (draft.reason, draft.is_suspect)]
    return alike[-1] if alike else None
