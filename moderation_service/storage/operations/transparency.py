"""Reports and decisions of a year in numbers. Each question reads a year of one site, and no text."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, exists, func, or_, select

from moderation_service.domain.moderation.decisions import Channel, Decision
from moderation_service.domain.moderation.transparency import PEOPLE, PROGRAMS, YearOfDecisions, YearOfReports
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import FILED_BY_RULE, comments, decisions, reports

_OPEN = "open"
_BY_PEOPLE = (Channel.LINK, Channel.DESK)


async def of_reports(connection: Connection, site_id: str, year: int) -> YearOfReports:
    """Count the reports of a site that came in within a year, in UTC."""
    begin, end = _bounds(year)
    query = select(
        reports.c.reason,
        reports.c.outcome,
        reports.c.means,
        reports.c.times,
        reports.c.is_suspect,
        reports.c.created_at,
        reports.c.decided_at,
    ).where(reports.c.site_id == site_id, reports.c.created_at >= begin, reports.c.created_at < end)
    reasons, outcomes, decided_by = Counter[str](), Counter[str](), Counter[str]()
    suspicious = 0
    waited: list[tuple[timedelta, int]] = []
    for row in await connection.execute(query):
        reasons[row.reason] += row.times
        outcomes[row.outcome or _OPEN] += row.times
        suspicious += row.times if row.is_suspect else 0
        if row.decided_at is not None:
            decided_by[_by(row.means)] += row.times
            waited.append((max(row.decided_at - row.created_at, timedelta()), row.times))
    return YearOfReports(
        received=reasons.total(),
        suspicious=suspicious,
        reasons=dict(reasons.most_common()),
        outcomes=dict(outcomes.most_common()),
        decided_by=dict(decided_by.most_common()),
        median_time=_median(waited),
    )


async def of_decisions(connection: Connection, site_id: str, year: int) -> YearOfDecisions:
    """Count the decisions on comments of a site that were taken within a year, in UTC; those taken back, too.

    What approved a comment that it answered counts as both.
    """
    begin, end = _bounds(year)
    is_answer = decisions.c.answer_id == decisions.c.comment_id
    taken_on_it = or_(decisions.c.answer_id.is_(None), is_answer, decisions.c.from_status != decisions.c.to_status)
    decided = case(
        (is_answer, Decision.ANSWER),
        (decisions.c.redacted_as.is_not(None), Decision.REDACT),
        else_=decisions.c.decision,
    ).label("decided")
    grouped = (
        select(decided, decisions.c.means, decisions.c.reason)
        .join(comments, comments.c.id == decisions.c.comment_id)
        .where(comments.c.site_id == site_id, decisions.c.at >= begin, decisions.c.at < end, taken_on_it)
        .subquery()
    )
    query = select(grouped.c.decided, grouped.c.means, grouped.c.reason, func.count()).group_by(
        grouped.c.decided, grouped.c.means, grouped.c.reason
    )
    taken: dict[str, Counter[str]] = {one.value: Counter() for one in Decision}
    reasons = Counter[str]()
    without = 0
    for decision, means, reason, count in await connection.execute(query):
        taken[decision][_by(means)] += count
        if decision == Decision.REJECT and reason is not None:
            reasons[reason] += count
        elif decision == Decision.REJECT:
            without += count
    filed = select(func.count()).where(
        comments.c.site_id == site_id,
        FILED_BY_RULE,
        comments.c.created_at >= begin,
        comments.c.created_at < end,
        ~exists().where(decisions.c.comment_id == comments.c.id),
    )
    return YearOfDecisions(
        decisions={name: dict(counts.most_common()) for name, counts in taken.items()},
        reasons=dict(reasons.most_common()),
        rejected_without_reason=without,
        filed_by_rule=(await connection.execute(filed.select_from(comments))).scalar_one(),
    )


def _bounds(year: int) -> tuple[datetime, datetime]:
    return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)


def _by(means: str) -> str:
    return PEOPLE if means in _BY_PEOPLE else PROGRAMS


def _median(waited: list[tuple[timedelta, int]]) -> timedelta | None:
    """Return the median of times of which each was met so many times; the lower one of two in the middle."""
    middle = (sum(times for _, times in waited) + 1) // 2
    for time, times in sorted(waited):
        middle -= times
        if middle <= 0:
            return time
    return None
