"""The author's receipt: a capability for one comment, of which only a hash is kept."""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from moderation_service.domain.comments import redaction
from moderation_service.domain.comments.comment import Original, Status
from moderation_service.domain.comments.difference import Piece
from moderation_service.domain.errors import LinkInvalidError, TokenExpiredError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.statements import Statement
from moderation_service.domain.signing import Signer

_NOTE = "comment note"
_MAILED = "mailed receipt"
_NOTE_LIFETIME = timedelta(minutes=10)
_SECRET_BYTES = 16
_LENGTH = 43
"""Characters of a token: base64url without padding (RFC 4648, 5) of an id and as many random bits."""


class AuthorAction(StrEnum):
    """What an author may do to a comment that waits, to an edit of a published one, and to a rejection."""

    EDIT = "edit"
    WITHDRAW = "withdraw"
    OBJECT = "object"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorChange:
    """What an author did; `revision` is that of the new text, or of the one taken back.

    `is_of_published` if the comment was published, and stayed so: a new text waited, or was taken back.
    """

    revision: int
    action: AuthorAction
    at: datetime
    is_of_published: bool = False

    @property
    def from_status(self) -> Status:
        """Where the comment stood before."""
        if self.is_of_published:
            return Status.APPROVED
        return Status.REJECTED if self.action is AuthorAction.OBJECT else Status.PENDING

    @property
    def to_status(self) -> Status:
        """Where the comment stood then."""
        if self.is_of_published:
            return Status.APPROVED
        return Status.WITHDRAWN if self.action is AuthorAction.WITHDRAW else Status.PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEdit:
    """A new text that an author gave a published comment, and that waits."""

    revision: int
    body: str
    body_html: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnComment:
    """What an author sees of a comment of theirs; `statement` says why it, or an edit, is rejected, if it is.

    `edit` is the new text that waits while the comment is published as it is, None without one. `redacted` if
    moderators took passages out of its text: `redaction` says why, and `original` is what the author wrote, while
    that is kept.
    """

    id: str
    site_id: str
    page_url: str
    status: Status
    revision: int
    author_name: str
    author_url: str | None
    body: str
    body_html: str
    created_at: datetime
    statement: Statement | None = None
    objection: str | None = None
    objected_at: datetime | None = None
    edit: OwnEdit | None = None
    redacted: bool = False
    redaction: Statement | None = None
    original: Original | None = None

    @property
    def newest_statement(self) -> Statement | None:
        """The newest decision against it or a text of it."""
        return self.statement or self.redaction

    @property
    def is_shortened(self) -> bool:
        """Whether readers see it without passages that moderators took out."""
        return self.status is Status.APPROVED and self.redacted

    @property
    def taken_out(self) -> list[Piece]:
        """What the author wrote, with what moderators took out of it; nothing where that is not kept."""
        return [] if self.original is None else redaction.pieces(self.original.body, self.body)

    @property
    def may_edit(self) -> bool:
        """Whether the author may give it another text: at once while it waits, else to be approved first."""
        return self.status in (Status.PENDING, Status.APPROVED)

    @property
    def may_withdraw(self) -> bool:
        """Whether the author may take back the comment while it waits, or the edit that does."""
        return self.status is Status.PENDING or self.edit is not None

    @property
    def newest_body(self) -> str:
        """The text that the author gave it last."""
        return self.body if self.edit is None else self.edit.body

    @property
    def newest_revision(self) -> int:
        """The number of the text that the author gave it last."""
        return self.revision if self.edit is None else self.edit.revision

    @property
    def may_object(self) -> bool:
        """Whether the author may object to its rejection, which is possible once."""
        return self.status is Status.REJECTED and self.objected_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A comment that was just received by a form; `is_simplified` if it is shown as it was typed."""

    comment_id: str
    is_simplified: bool


class Notes:
    """Makes and reads what a browser is led back with after a form: for ten minutes it says that a comment came.

    It is no receipt: it lets nobody see or change anything of the comment.
    """

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._signer = Signer(keys, clock, purpose=_NOTE, lifetime=_NOTE_LIFETIME)

    def sign(self, noted: Noted) -> str:
        """Return the value of `comment_receipt` in an address."""
        return self._signer.sign([noted.comment_id, int(noted.is_simplified)])

    def read(self, value: str) -> Noted | None:
        """Return what a value says; None for a forgery or an old one."""
        try:
            comment_id, is_simplified = self._signer.read(value)
        except (LinkInvalidError, TokenExpiredError):
            return None
        return Noted(comment_id=comment_id, is_simplified=bool(is_simplified))


class MailedReceipts:
    """Makes and reads receipts that are mailed to a proved address; they last as long as the comment."""

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._signer = Signer(keys, clock, purpose=_MAILED, lifetime=timedelta.max)

    def sign(self, comment_id: str) -> str:
        """Return the token of a comment whose author's address was proved."""
        return self._signer.sign(UUID(comment_id).hex)

    def read(self, token: str) -> str | None:
        """Return the id of the comment that a token is for; None for what is none, as every other receipt."""
        try:
            return str(UUID(str(self._signer.open(token)[0])))
        except LinkInvalidError:
            return None


def new_token(comment_id: str) -> str:
    """Return a token for a comment: its id, by which it is found without an index, and 128 random bits."""
    raw = bytes.fromhex(comment_id.replace("-", "")) + secrets.token_bytes(_SECRET_BYTES)
    return urlsafe_b64encode(raw)[:_LENGTH].decode()


def digest(token: str) -> bytes:
    """Return what is kept of a token: its SHA-256."""
    return sha256(token.encode()).digest()


def is_token(token: str, kept: bytes | None) -> bool:
    """Tell whether a token is the one of which a hash was kept, None where none was, in constant time."""
    return kept is not None and hmac.compare_digest(digest(token), kept)


def comment_id_of(token: str) -> str | None:
    """Return the id of the comment for which a token may be; None for what is no token."""
    if len(token) != _LENGTH or not token.isascii():
        return None
    try:
        return str(UUID(bytes=urlsafe_b64decode(token + "=")[:-_SECRET_BYTES]))
    except ValueError:
        return None
