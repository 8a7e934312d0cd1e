"""A comment on its way from a visitor's form to a public list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from moderation_service.domain.comments import difference, redaction
from moderation_service.domain.comments.difference import Piece
from moderation_service.domain.comments.notices import AskedProof, Notice
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.screening.assessment import HARMLESS, Assessment, Verdict
from moderation_service.domain.screening.networks import WIDER


class Status(StrEnum):
    """Where a comment stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SPAM = "spam"
    WITHDRAWN = "withdrawn"
    """Its author took it back before anybody decided."""


def status_of_new(assessment: Assessment) -> Status:
    """Return where a text stands that came in: it waits, unless a rule of the site's owner files it as spam."""
    return Status.SPAM if assessment.verdict is Verdict.SPAM else Status.PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """A client's key, and keyed hashes of payload and network under every listed key, the current first.

    `receipt_sealed` is the receipt's token, encrypted, for as long as the key is remembered.
    """

    key: str
    fingerprints: tuple[str, ...]
    networks: tuple[str, ...]
    receipt_sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A moderator to be notified: the moderator's id in the site, and the person behind the address.

    Who `has_push` is told at other places than by mail, too.
    """

    moderator_id: str
    person_id: str
    has_push: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The author's address as it lies on disk."""

    sealed: bytes
    address_hash: str


NO_CONTACT = Contact(sealed=b"", address_hash="")
"""What is stored of an author who gave no address, where the site lets them: every comment has a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Keyed hashes by which a flood or a repetition is recognised, each under every listed key.

    `most` is how many posts one network may send within `window`, None where it is free of that limit and not
    counted; the wide network that lies around it may send `WIDER` times as many.
    `classes` are what two writers may not judge at once: numbers that do not depend on keys.
    """

    networks: tuple[str, ...]
    wide_networks: tuple[str, ...]
    fingerprints: tuple[str, ...]
    most: int | None
    window: timedelta
    classes: tuple[int, ...]

    @property
    def limits(self) -> tuple[tuple[tuple[str, ...], int], ...]:
        """The hashes of each network that is limited, and how many posts it may send: the wide one last."""
        if self.most is None:
            return ()
        return (self.networks, self.most), (self.wide_networks, self.most * WIDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A comment that passed the checks of its fields and waits to be stored."""

    id: str
    page: Page
    page_title: str | None
    parent_id: str | None
    author_name: str
    author_url: str | None
    body: str
    body_html: str
    renderer: int
    created_at: datetime
    contact: Contact
    recipients: tuple[Recipient, ...]
    receipt_token: str = field(repr=False)
    assessment: Assessment = HARMLESS
    traces: Traces | None = None
    idempotency: Idempotency | None = None
    network_sealed: bytes | None = field(default=None, repr=False)
    """The client's network, encrypted, where services outside are to be asked before anybody is notified."""
    is_proved: bool = False
    """Whether the author's address was proved by the device that sent it."""
    notices: tuple[Notice, ...] = ()
    """What the author wants to be told by mail."""
    asked_proof: AskedProof | None = None
    """The mail by which the address is to be proved, None where there is nothing to prove, or it was."""

    @property
    def status(self) -> Status:
        """Where it stands once it is stored."""
        return status_of_new(self.assessment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A new text for a comment: who is notified of it, and what its network's limit says of it.

    `post_id` is what it counts under as a post of the network; no fingerprint is among its traces. `is_redacted`
    if what it was made from had been shortened by moderators, and it shows so still.
    """

    comment_id: str
    post_id: str
    body: str
    body_html: str
    renderer: int
    at: datetime
    recipients: tuple[Recipient, ...]
    assessment: Assessment
    traces: Traces | None
    is_redacted: bool = False

    @property
    def status(self) -> Status:
        """Where a comment stands once it is stored that was not published."""
        return status_of_new(self.assessment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What moderators leave of a comment's text, of the revision `of`; `is_unchanged` if that was left before."""

    comment_id: str
    of: int
    body: str
    body_html: str
    renderer: int
    is_unchanged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What an author wrote and when, of which moderators took passages out at `redacted_at`."""

    revision: int
    body: str
    at: datetime
    redacted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingEdit:
    """A new text of a published comment, by its author: readers see the old one until somebody decides."""

    revision: int
    body: str
    body_html: str
    assessment: Assessment
    at: datetime
    redacted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What is answered for a stored comment.

    `is_simplified` if its markup is shown as it was typed, `is_replayed` if it was given before. `token` is its
    author's alone; where it was given before it comes `sealed` as it was kept, and None where it was not.
    `assessment` is None of a comment that does not wait any more. `challenge` is work for the author's browser,
    None where it is asked for none.
    """

    id: str
    page_url: str
    created_at: datetime
    token: str | None = field(default=None, repr=False)
    token_sealed: bytes | None = field(default=None, repr=False, compare=False)
    is_simplified: bool = False
    is_replayed: bool = field(default=False, compare=False)
    assessment: Assessment | None = field(default=None, compare=False)
    challenge: Mapping[str, Any] | None = field(default=None, compare=False)


@dataclass(kw_only=True)
class PublicComment:
    """What everybody may see of an approved comment. It has no address to leak; `by_site` if the site wrote it.

    `redacted` if moderators took passages out of its text.
    Lists are made of these: neither frozen nor with slots, one is made and written as JSON in a sixth of the time.
    """

    id: str
    parent_id: str | None
    author_name: str
    author_url: str | None
    by_site: bool
    body: str
    body_html: str
    created_at: datetime
    redacted: bool


@dataclass(kw_only=True)
class CommentOnPage(PublicComment):
    """The same where it stands among those of other pages; `page_title` is what readers see, None without one."""

    page_url: str
    page_title: str | None


@dataclass(kw_only=True)
class SyndicatedComment(CommentOnPage):
    """The same as feeds show it; `changed_at` is when readers last saw it change, be it that it came."""

    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedComment:
    """What a moderator sees of a comment.

    `page_title` is what its author calls the page; `public_title` is what readers see, or would if this comment
    were approved. `report_place` is the place in the queue of a published comment that waits again, None where it
    does not, and `waiting_revision` is that of an `edit` that waits. `proved_at` is None while nothing shows that
    the address is the author's. `objection` is what the author said against a rejection, None before and without
    one. `by_site` if it is an answer in the name of the site. `redacted` if moderators took passages out of its
    text; `original` is what the author wrote, while that is kept.
    """

    id: str
    site_id: str
    page_id: str
    page_url: str
    page_title: str | None
    parent_id: str | None
    status: Status
    revision: int
    author_name: str
    author_url: str | None
    body: str
    body_html: str
    assessment: Assessment
    created_at: datetime
    changed_at: datetime
    change_number: int | None
    report_place: int | None = None
    waiting_revision: int | None = None
    edit: WaitingEdit | None = None
    redacted: bool = False
    original: Original | None = None
    public_title: str | None = None
    proved_at: datetime | None = None
    objection: str | None = None
    objected_at: datetime | None = None
    by_site: bool = False

    @property
    def is_objected(self) -> bool:
        """Whether it waits because its author objects to a rejection."""
        return self.status is Status.PENDING and self.objection is not None

    @property
    def waits_again(self) -> bool:
        """Whether it is published and somebody is to decide on an edit of it, or on what readers report of it."""
        return self.status is Status.APPROVED and self.report_place is not None

    @property
    def is_edited(self) -> bool:
        """Whether it is published and an edit of it waits: a decision is about that."""
        return self.status is Status.APPROVED and self.waiting_revision is not None

    @property
    def is_reported(self) -> bool:
        """Whether it is published and waits for nothing but that somebody looks at what readers report of it."""
        return self.waits_again and not self.is_edited

    @property
    def newest_revision(self) -> int:
        """The number of its newest text, which a decision is about: that of the edit where one waits."""
        return self.revision if self.waiting_revision is None else self.waiting_revision

    @property
    def difference(self) -> list[Piece]:
        """What the edit that waits takes out of the public text and adds to it."""
        return [] if self.edit is None else difference.between(self.body, self.edit.body)

    @property
    def newest_body(self) -> str:
        """Its newest text, which a decision is about."""
        return self.body if self.edit is None else self.edit.body

    @property
    def taken_out(self) -> list[Piece]:
        """What its author wrote, with what moderators took out of it; nothing where that is not kept."""
        return [] if self.original is None else redaction.pieces(self.original.body, self.body)

    @property
    def doubtful(self) -> Assessment:
        """What screening says of its newest text."""
        return self.assessment if self.edit is None else self.edit.assessment

    @property
    def other_title(self) -> str | None:
        """What its author calls the page, where readers see another title; None where they do not differ."""
        return None if self.page_title == self.public_title else self.page_title
