"""What a site tells of its moderation in a year: reports and decisions in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

PEOPLE, PROGRAMS = "people", "programs"


@dataclass(frozen=True, slots=True, kw_only=True)
class YearOfReports:
    """Reports of published comments that came in within a year.

    `suspicious` are those among them that screening took for made by programs. `outcomes` are `kept`, `withdrawn`
    and `open`; `decided_by` is who decided on the closed ones. `median_time` is None where none is closed.
    """

    received: int
    suspicious: int
    reasons: Mapping[str, int]
    outcomes: Mapping[str, int]
    decided_by: Mapping[str, int]
    median_time: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class YearOfDecisions:
    """Decisions taken within a year: who took which, and the reasons given for rejecting.

    `rejected_without_reason` gave none. `filed_by_rule` are comments of the year that a rule of the owner's filed
    as spam and nobody has decided on.
    """

    decisions: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, int]
    rejected_without_reason: int
    filed_by_rule: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """A site's year."""

    site_id: str
    year: int
    reports: YearOfReports
    decisions: YearOfDecisions
