"""From a visitor's checked fields to a draft: all that can be computed before a transaction begins."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments import markup, receipts
from moderation_service.domain.comments.comment import NO_CONTACT, Contact, Draft, Idempotency, Revision, Traces
from moderation_service.domain.comments.markup import Rendering
from moderation_service.domain.comments.notices import AskedProof, Notice, classes_of
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.comments.receipts import OwnComment
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.screening import repetitions
from moderation_service.domain.screening.assessment import Assessment
from moderation_service.domain.screening.networks import network_hashes, wide_network
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.screening.client_networks import Client
from moderation_service.storage.comments import contacts, idempotency

_PAYLOAD = "payload"
_WIDE_NETWORK = "wide network"
_REPETITION = "repetition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a visitor sent, its fields checked; stamp and honeypot as in `Candidate`.

    `author_token` is what came as such, genuine or not.
    """

    page_url: str
    page_title: str | None
    author_name: str
    author_email: str | None
    author_url: str | None
    body: str
    parent_id: str | None
    form_stamp: str | None = None
    fills_honeypot: bool = False
    author_token: str | None = field(default=None, repr=False)
    notify_published: bool = False
    notify_replies: bool = False

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the author wants to be told by mail; nothing without an address."""
        if self.author_email is None:
            return ()
        asked = {Notice.PUBLISHED: self.notify_published, Notice.REPLIES: self.notify_replies}
        return tuple(notice for notice, is_asked in asked.items() if is_asked)


class Drafter:
    """Makes drafts of submissions, with all that can be computed before a transaction begins."""

    def __init__(
        self,
        keys: KeyRing,
        directory: Directory,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        screening_on: bool,
    ) -> None:
        """Without `screening_on` nothing is kept by which a flood or a repetition is recognised."""
        self._keys = keys
        self._directory = directory
        self._clock = clock
        self._new_id = new_id
        self._screening_on = screening_on

    def draft(
        self,
        submission: Submission,
        site: Site,
        *,
        body_html: str = "",
        network: str,
        key: str | None,
        is_exempt: bool = False,
        is_known: bool = True,
        is_proved: bool = False,
    ) -> Draft:
        """Return the draft of a submission to a site from a client network, which may be exempt from its limit.

        A network that is not known is another one each time, except where it comes to a used key. `is_proved`
        tells that the device that sent it proves the author's address.
        """
        page = self._directory.page(site, submission.page_url)
        comment_id = self._new_id()
        token = receipts.new_token(comment_id)
        return Draft(
            id=comment_id,
            page=page,
            page_title=submission.page_title,
            parent_id=submission.parent_id,
            author_name=submission.author_name,
            author_url=submission.author_url,
            body=submission.body,
            body_html=body_html,
            renderer=markup.RENDERER,
            created_at=self._clock(),
            contact=self._contact(submission.author_email, comment_id),
            recipients=self._directory.recipients(site, page.url, author=submission.author_email),
            receipt_token=token,
            traces=self._traces(submission, page, site, network, is_exempt=is_exempt),
            idempotency=None
            if key is None
            else Idempotency(
                key=key,
                fingerprints=self._keys.keyed_hashes(_PAYLOAD, _joined(submission)),
                networks=self._network_hashes(site, network if is_known else ""),
                receipt_sealed=self._keys.seal(token, table=idempotency.TABLE, row=comment_id),
            ),
            is_proved=is_proved,
            notices=submission.notices,
            asked_proof=None
            if is_proved
            else self._asked_proof(submission, site, network, is_limited=is_known and not is_exempt),
        )

    def revision(
        self,
        own: OwnComment,
        site: Site,
        *,
        body: str,
        rendering: Rendering,
        assessment: Assessment,
        author_email: str | None,
        network: str,
        is_exempt: bool,
    ) -> Revision:
        """Return a new text of a comment, assessed anew; it counts as a post of the network it came from."""
        return Revision(
            comment_id=own.id,
            post_id=self._new_id(),
            body=body,
            body_html=rendering.html,
            renderer=rendering.renderer,
            at=self._clock(),
            recipients=self._directory.recipients(site, own.page_url, author=author_email),
            assessment=assessment,
            traces=self._traces_of_network(site, network, is_exempt=is_exempt) if self._screening_on else None,
        )

    def traces_of(self, site: Site, client: Client) -> Traces | None:
        """Return how something is recognised that counts as a post of a client's networks and repeats nothing."""
        if not self._screening_on:
            return None
        return self._traces_of_network(site, client.network, is_exempt=client.is_exempt(site))

    def _traces(
        self, submission: Submission, page: Page, site: Site, network: str, *, is_exempt: bool
    ) -> Traces | None:
        if not self._screening_on:
            return None
        return self._traces_of_network(
            site,
            network,
            is_exempt=is_exempt,
            fingerprints=self._keys.keyed_hashes(_REPETITION, _repetition(submission, page.id, network)),
            text_classes=(repetitions.text_class(site.id, page.id, submission.body),),
        )

    def _traces_of_network(
        self,
        site: Site,
        network: str,
        *,
        is_exempt: bool,
        fingerprints: tuple[str, ...] = (),
        text_classes: tuple[int, ...] = (),
    ) -> Traces:
        wide = wide_network(network)
        return Traces(
            networks=self._network_hashes(site, network),
            wide_networks=self._keys.keyed_hashes(_WIDE_NETWORK, f"{site.id}\0{wide}"),
            fingerprints=fingerprints,
            most=None if is_exempt else site.screening.posts_per_network,
            window=site.screening.window,
            classes=text_classes
            if is_exempt
            else (*text_classes, *(repetitions.network_class(site.id, one) for one in (network, wide))),
        )

    def asked_proof(self, address: str, site: Site, client: Client) -> AskedProof:
        """Return a mail that asks whoever reported to confirm an address, as limits look at it."""
        is_limited = client.address is not None and not client.is_exempt(site)
        return self._proof_of(address, site, client.network, is_limited=is_limited)

    def _asked_proof(
        self, submission: Submission, site: Site, network: str, *, is_limited: bool
    ) -> AskedProof | None:
        address = submission.author_email
        if address is None or not submission.notices:
            return None
        return self._proof_of(address, site, network, is_limited=is_limited)

    def _proof_of(self, address: str, site: Site, network: str, *, is_limited: bool) -> AskedProof:
        return AskedProof(
            id=self._new_id(),
            address_hashes=self._keys.keyed_hashes(addresses.AUTHOR, addresses.identity(address)),
            networks=self._network_hashes(site, network) if is_limited else (),
            classes=classes_of(address, site.id, network if is_limited else None),
        )

    def _network_hashes(self, site: Site, network: str) -> tuple[str, ...]:
        return network_hashes(self._keys, site.id, network)

    def _contact(self, address: str | None, comment_id: str) -> Contact:
        return NO_CONTACT if address is None else contact_of(self._keys, address, comment_id)


def contact_of(keys: KeyRing, address: str, comment_id: str) -> Contact:
    """Return an author's address as it is stored with a comment: encrypted, with a keyed hash beside."""
    return Contact(
        sealed=keys.seal(address, table=contacts.TABLE, row=comment_id),
        address_hash=keys.keyed_hash(addresses.AUTHOR, addresses.identity(address)),
    )


def _joined(submission: Submission) -> str:
    """Join all fields by what no field can hold."""
    return "\0".join(
        value or ""
        for value in (
            submission.page_url,
            submission.page_title,
            submission.author_name,
            submission.author_email,
            submission.author_url,
            submission.body,
            submission.parent_id,
            *submission.notices,
        )
    )


def _repetition(submission: Submission, page_id: str, network: str) -> str:
    address = addresses.identity(submission.author_email or "")
    return "\0".join((page_id, submission.parent_id or "", submission.body, address, network))
