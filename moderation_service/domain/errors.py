"""Everything that can go wrong in the words of the domain; the web turns each into one status."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Self

from moderation_service.domain.comments.comment import Receipt
from moderation_service.domain.moderation.link import Link


class ModerationError(Exception):
    """The request cannot be fulfilled."""


class FieldsInvalidError(ModerationError):
    """Fields were rejected; `errors` names each with the codes of its faults."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.errors = errors


class NamedFault(str):
    """The code of a fault, with the word that is at fault, or the limit that was passed."""

    __slots__ = ("limit", "word")
    word: str
    limit: int | None

    def __new__(cls, code: str, word: str = "", limit: int | None = None) -> Self:
        """Make the code a string that goes wherever codes do."""
        fault = super().__new__(cls, code)
        fault.word = word
        fault.limit = limit
        return fault


class RedactionInvalidError(FieldsInvalidError):
    """What is to be left of a text is no shortened version of it; `position` is that of the decision asked for."""

    def __init__(self, fault: str, position: int) -> None:
        super().__init__({"body": [fault]})
        self.position = position


class MalformedRequestError(ModerationError):
    """The request could not be read at all."""


class UnauthorizedError(ModerationError):
    """No bearer key of a site was given."""


class LoggedOutError(ModerationError):
    """No session of the desk was shown, or it is over."""


class ForgedFormError(ModerationError):
    """A form was sent that this service did not show to whoever sent it."""


class TooManyLoginsError(ModerationError):
    """The client's network asked for too many log-in mails; it may go on after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class TokenExpiredError(ModerationError):
    """The token was genuine and is too old."""


class LinkUsedError(ModerationError):
    """The link was genuine and has done its work."""


class UnknownSiteError(ModerationError):
    """The page belongs to no site of this service; `errors` names which, where several were asked for."""

    def __init__(self, errors: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__()
        self.errors = errors or {}


class PageNotNamedError(ModerationError):
    """Nothing that was sent tells which page a comment belongs to."""


class ForeignOriginError(ModerationError):
    """The form was sent from a page of another site."""


class CommentsClosedError(ModerationError):
    """The page takes no more comments."""


class Refusal(StrEnum):
    """What of a site refuses a comment that is otherwise in order."""

    BY_RULE = "refused_by_rule"
    BLOCKED = "blocked"


class RefusedError(ModerationError):
    """The site does not take the comment in; `contact` is whom its author may write to, None for nobody."""

    def __init__(self, refusal: Refusal, *, contact: str | None) -> None:
        super().__init__()
        self.refusal = refusal
        self.contact = contact


class NotFoundError(ModerationError):
    """There is no such thing, or not for this reader."""


class DuplicateCommentError(ModerationError):
    """The same comment arrived from the same place a moment ago; `receipt` is what that one was given."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__()
        self.receipt = receipt


class NotEditableError(ModerationError):
    """The comment was decided or withdrawn: its author can no longer change it at once."""


class NotObjectableError(ModerationError):
    """The comment is not rejected, or its author has objected before."""


class ProofExpiredError(ModerationError):
    """The work that a browser was asked for came too late."""


class ProofUsedError(ModerationError):
    """The work that a browser was asked for was shown before."""


class KeyReusedError(ModerationError):
    """The idempotency key was used before for another comment."""


class TooManyCommentsError(ModerationError):
    """The client's network posted too much; it may go on after `retry_after` seconds, at `free_at`.

    `is_wide` where that is said of the network around it.
    """

    def __init__(self, retry_after: int, free_at: datetime, *, is_wide: bool = False) -> None:
        super().__init__()
        self.retry_after = retry_after
        self.free_at = free_at
        self.is_wide = is_wide


class TooManyStreamsError(ModerationError):
    """The client's network waits for changes as often as one may; it may ask again after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class StreamsFullError(ModerationError):
    """As many wait for changes as may at once; ask again after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class HistoryLostError(ModerationError):
    """The reader of changes goes on from a number that another history of the database gave out."""


class LinkInvalidError(ModerationError):
    """The link was not made by this service."""


class LinkExpiredError(ModerationError):
    """The link was genuine and is too old; `link` is what it said."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.link = link


class LinkVoidError(ModerationError):
    """The link was genuine; its comment was edited, or its moderator has left or changed address."""


class UnavailableError(ModerationError):
    """The comment cannot be kept just now; nothing was stored. Try again after `retry_after` seconds."""

    def __init__(self, retry_after: int = 2, *, reason: str = "") -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.reason = reason
        """Why, for operators only; it holds nothing that a client sent."""


def seconds_until(then: datetime, now: datetime) -> int:
    """Return whole seconds from `now` to `then`, at least one."""
    return max(1, int((then - now).total_seconds()) + 1)
