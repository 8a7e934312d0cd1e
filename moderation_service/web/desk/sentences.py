"""What the desk says in sentences: what was decided, what came in, how much there is."""

from collections.abc import Sequence

from babel.numbers import format_decimal

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.bulk_decisions import OPEN, Bulk, BulkState
from moderation_service.domain.moderation.decision_batch import Result
from moderation_service.domain.moderation.decisions import Decision, Outcome
from moderation_service.locales import locale, translations
from moderation_service.services.moderation.desk_counts import Count

SUSPECTS = "suspects"
"""Stands for a state in words: what waits and is suspicious."""


def name(spoken: str) -> str:
    """Return what the desk is called."""
    return translations(spoken).gettext("Moderation")


def number(spoken: str, value: int) -> str:
    """Write a number."""
    return format_decimal(value, locale=locale(spoken))


def counted(spoken: str, count: Count) -> str:
    """Write a count; where there are more, it says so."""
    return number(spoken, count.number) + ("+" if count.is_more else "")


def state(spoken: str, status: str) -> str:
    """Return the word for the comments of a state."""
    catalogue = translations(spoken)
    words = {
        Status.PENDING.value: catalogue.ngettext("Pending", "Pending", 2),
        Status.APPROVED.value: catalogue.ngettext("Approved", "Approved", 2),
        Status.REJECTED.value: catalogue.ngettext("Rejected", "Rejected", 2),
        Status.SPAM.value: catalogue.gettext("Spam"),
        SUSPECTS: catalogue.ngettext("Suspicious", "Suspicious", 2),
        Status.WITHDRAWN.value: catalogue.ngettext("Withdrawn", "Withdrawn", 2),
    }
    return words.get(status) or catalogue.gettext("All")


def heading(spoken: str, state_word: str, count: str) -> str:
    """Say how many comments of a state there are."""
    return translations(spoken).gettext("%(state)s: %(count)s") % {"state": state_word, "count": count}


def sentence(spoken: str, decision: Decision, results: Sequence[Result]) -> str:
    """Say in one or two sentences what became of decisions."""
    done = sum(one.outcome in (Outcome.DONE, Outcome.UNCHANGED) for one in results)
    return summary(spoken, decision, done, len(results) - done)


def summary(spoken: str, decision: Decision, done: int, refused: int) -> str:
    """Say how many decisions were taken, and how many could not be."""
    ngettext = translations(spoken).ngettext
    sentences = {
        Decision.APPROVE: ngettext("One comment approved.", "%(count)s comments approved.", done),
        Decision.REJECT: ngettext("One comment rejected.", "%(count)s comments rejected.", done),
        Decision.SPAM: ngettext("One comment marked as spam.", "%(count)s comments marked as spam.", done),
        Decision.REDACT: ngettext(
            "One comment approved without some passages.",
            "%(count)s comments approved without some passages.",
            done,
        ),
        Decision.UNDO: ngettext("One decision undone.", "%(count)s decisions undone.", done),
    }
    said = [sentences[decision] % {"count": number(spoken, done)}] if done or not refused else []
    if refused:
        text = ngettext(
            "One comment had changed in the meantime and was left alone.",
            "%(count)s comments had changed in the meantime and were left alone.",
            refused,
        )
        said.append(text % {"count": number(spoken, refused)})
    return " ".join(said)


def new_comments(spoken: str, new: int) -> str:
    """Say how many comments came meanwhile."""
    text = translations(spoken).ngettext("One new comment", "%(count)s new comments", new)
    return text % {"count": number(spoken, new)} if new else ""


def today(spoken: str, decided: dict[Status, int]) -> str:
    """Say what was decided today; nothing where that was nothing."""
    ngettext = translations(spoken).ngettext
    approved, rejected, spam = (decided.get(one, 0) for one in (Status.APPROVED, Status.REJECTED, Status.SPAM))
    kinds = [
        (approved, ngettext("%(number)s approved", "%(number)s approved", approved)),
        (rejected, ngettext("%(number)s rejected", "%(number)s rejected", rejected)),
        (spam, ngettext("%(number)s marked as spam", "%(number)s marked as spam", spam)),
    ]
    parts = [text % {"number": number(spoken, count)} for count, text in kinds if count]
    if not parts:
        return ""
    return translations(spoken).gettext("Today: %(decisions)s.") % {"decisions": ", ".join(parts)}


def progress(spoken: str, bulk: Bulk) -> str:
    """Say how many comments a decision on all that match has come to, and how far it is."""
    catalogue = translations(spoken)
    if bulk.state in OPEN:
        reached = bulk.done if bulk.state is BulkState.RUNNING else bulk.undone
        values = {"count": number(spoken, reached), "total": number(spoken, bulk.total)}
        if bulk.state is BulkState.UNDOING:
            return catalogue.gettext("being undone: %(count)s of %(total)s") % values
        return catalogue.gettext("%(count)s of %(total)s so far") % values
    text = catalogue.ngettext("One comment", "%(count)s comments", bulk.done)
    return text % {"count": number(spoken, bulk.done)}


def alike(language: str) -> str:
    """Name the filter for comments that are alike."""
    return translations(language).gettext("alike")
