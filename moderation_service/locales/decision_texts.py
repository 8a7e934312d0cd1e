"""Decisions in words, as those read them whom they concern: authors, and readers who reported."""

from moderation_service.domain.moderation.reports import ReportOutcome
from moderation_service.domain.moderation.statements import DecidedBy, Statement
from moderation_service.locales import translations


def heading(language: str, statement: Statement) -> str:
    """Say what was decided."""
    gettext = translations(language).gettext
    if statement.is_of_edit:
        return gettext("The change to your comment was not published")
    if statement.is_redaction and statement.was_published:
        return gettext("The moderators have taken passages out of your comment")
    if statement.is_redaction:
        return gettext("Your comment has been published without some passages")
    if statement.was_published:
        return gettext("Your comment has been taken down")
    return gettext("Your comment was not published")


def decided_by(language: str, by: DecidedBy, when: str, *, rule: str | None = None) -> str:
    """Say by whom something was decided, and when; `rule` is the name of the rule that did."""
    gettext = translations(language).gettext
    if by is DecidedBy.RULE:
        said = gettext("This was decided automatically by the rule “%(rule)s” on %(when)s.")
        return said % {"rule": rule, "when": when}
    if by is DecidedBy.PROGRAM:
        return gettext("This was decided by a program of the website on %(when)s.") % {"when": when}
    return gettext("This was decided by a person on %(when)s.") % {"when": when}


def of_report(language: str, outcome: ReportOutcome | None) -> str:
    """Say what became of a report; None is that it came."""
    gettext = translations(language).gettext
    if outcome is None:
        return gettext("We have received your report")
    if outcome is ReportOutcome.KEPT:
        return gettext("The comment that you reported stays published")
    return gettext("The comment that you reported has been taken down")
