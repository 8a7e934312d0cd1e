"""A visitor's comment: from checked fields to a row on disk and a promise to every moderator."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from moderation_service.domain import addresses, markup, pages, screening
from moderation_service.domain.comments import Contact, Draft, Idempotency, Receipt, Traces
from moderation_service.domain.errors import (
    DuplicateCommentError,
    FieldsInvalidError,
    KeyReusedError,
    ModerationError,
    TooManyCommentsError,
    seconds_until,
)
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.pages import Page
from moderation_service.domain.screening import Assessment
from moderation_service.domain.sites import Site
from moderation_service.services.directory import Directory
from moderation_service.storage import comments, contacts, idempotency, outbox, recent_posts
from moderation_service.storage.database import Connection, lock_classes
from moderation_service.storage.idempotency import Claim
from moderation_service.storage.recent_posts import Recent

KEY_LIFETIME = timedelta(hours=24)
"""How long an idempotency key is remembered."""

AUTHOR = "author address"
"""The purpose of the keyed hash by which an author's comments are found."""

_PAYLOAD = "payload"
_NETWORK = "client network"
_REPETITION = "repetition"

Outcome = Receipt | ModerationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a visitor sent, its fields checked."""

    page_url: str
    page_title: str | None
    author_name: str
    author_email: str
    author_url: str | None
    body: str
    parent_id: str | None


class Intake:
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
    ) -> Draft:
        """Return the draft of a submission to a site from a client network, which may be exempt from its limit.

        A network that is not known is another one each time, except where it comes to a used key.
        """
        page = pages.page(site.id, submission.page_url)
        comment_id = self._new_id()
        weighed = self._assess(submission, site)
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
            spam_score=weighed.score,
            spam_reasons=weighed.reasons,
            traces=self._traces(submission, page, site, network, is_exempt=is_exempt),
            idempotency=self._idempotency(submission, page.site_id, network if is_known else "", key),
        )

    def _assess(self, submission: Submission, site: Site) -> Assessment:
        if not self._screening_on:
            return screening.HARMLESS
        return screening.assess(
            author_name=submission.author_name,
            author_email=submission.author_email,
            body=submission.body,
            moderator_names=(one.name for one in site.moderators),
        )

    def _traces(
        self, submission: Submission, page: Page, site: Site, network: str, *, is_exempt: bool
    ) -> Traces | None:
        if not self._screening_on:
            return None
        classes = [screening.text_class(site.id, page.id, submission.body)]
        if not is_exempt:
            classes.append(screening.network_class(site.id, network))
        repetition = _repetition(submission, page.id, network)
        return Traces(
            networks=self._keys.keyed_hashes(_NETWORK, f"{page.site_id}\0{network}"),
            fingerprints=self._keys.keyed_hashes(_REPETITION, repetition),
            most=None if is_exempt else site.screening.posts_per_network,
            window=site.screening.window,
            classes=tuple(classes),
        )

    def _idempotency(
        self, submission: Submission, site_id: str, network: str, key: str | None
    ) -> Idempotency | None:
        if key is None:
            return None
        return Idempotency(
            key=key,
            fingerprints=self._keys.keyed_hashes(_PAYLOAD, _joined(submission)),
            networks=self._keys.keyed_hashes(_NETWORK, f"{site_id}\0{network}"),
        )

    def _contact(self, address: str, comment_id: str) -> Contact:
        return Contact(
            sealed=self._keys.seal(address, table=contacts.TABLE, row=comment_id),
            address_hash=self._keys.keyed_hash(AUTHOR, addresses.identity(address)),
        )


def is_screened(draft: Draft) -> bool:
    """Tell whether anything that is stored already may decide about a draft."""
    return draft.traces is not None or draft.idempotency is not None


async def sift(connection: Connection, draft: Draft) -> Outcome | None:
    """Return what can be said of a draft without writing: what was answered before, or why it is refused.

    `accept` decides again about what is left.
    """
    claims = await idempotency.find(connection, [draft], since=draft.created_at - KEY_LIFETIME)
    if _key(draft) in claims:
        simplified = await comments.simplified(connection, [claim.comment_id for claim in claims.values()])
        return _replay(draft, claims, {}, simplified)
    return _objection(draft, await _known(connection, [draft], draft.created_at))


async def accept(connection: Connection, drafts: Sequence[Draft], again: bool) -> list[Outcome]:  # noqa: FBT001 - group commit's protocol
    """Store drafts in one transaction; return a receipt, or the reason against it, for each in order.

    With `again` some may be on disk already: an attempt to commit them went unanswered.
    """
    await lock_classes(connection, [one for draft in drafts if draft.traces for one in draft.traces.classes])
    kept = await comments.stored(connection, [draft.id for draft in drafts]) if again else set()
    now = max(draft.created_at for draft in drafts)
    claims = await idempotency.claim(connection, drafts, forget_before=now - KEY_LIFETIME)
    fresh = [draft for draft in drafts if draft.id not in kept and _owns(draft, claims)]
    refused = await _refusals(connection, fresh, now) if fresh else {}
    accepted = [draft for draft in fresh if draft.id not in refused]
    if accepted:
        await comments.add(connection, accepted)
        await contacts.add(connection, accepted)
        await recent_posts.add(connection, accepted)
        await outbox.promise(connection, accepted)
    forget = [_key(draft) for draft in fresh if draft.id in refused and draft.idempotency]
    if forget:
        await idempotency.release(connection, forget)
    replayed = [claims[_key(draft)].comment_id for draft in drafts if not _owns(draft, claims)]
    simplified = await comments.simplified(connection, replayed)
    return [
        refused.get(draft.id)
        or (_receipt(draft) if _owns(draft, claims) else _replay(draft, claims, refused, simplified))
        for draft in drafts
    ]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored about some drafts: the pages of the approved comments that they answer, and recent posts."""

    parents: Mapping[str, str]
    recent: Recent


async def _known(connection: Connection, drafts: Sequence[Draft], now: datetime) -> _Known:
    parents = {draft.parent_id for draft in drafts if draft.parent_id is not None}
    windows = [draft.traces.window for draft in drafts if draft.traces is not None]
    return _Known(
        await comments.approved_on_page(connection, sorted(parents)) if parents else {},
        await recent_posts.find(
            connection,
            drafts,
            posts_since=now - max(windows),
            repetitions_since=now - screening.REPETITION_WINDOW,
        )
        if windows
        else Recent({}, {}),
    )


async def _refusals(connection: Connection, drafts: Sequence[Draft], now: datetime) -> dict[str, ModerationError]:
    """Return why some drafts cannot be kept; those that can count for those after them."""
    known = await _known(connection, drafts, now)
    refused: dict[str, ModerationError] = {}
    for draft in drafts:
        error = _objection(draft, known)
        if error is not None:
            refused[draft.id] = error
        elif draft.traces is not None:
            known.recent.times.setdefault(draft.traces.networks[0], []).append(draft.created_at)
            known.recent.receipts[draft.traces.fingerprints[0]] = _receipt(draft)
    return refused


def _objection(draft: Draft, known: _Known) -> ModerationError | None:
    """Return why a draft cannot be kept: an answer to no public comment, a flood, a repetition."""
    if draft.parent_id is not None and known.parents.get(draft.parent_id) != draft.page.id:
        return FieldsInvalidError({"parent_id": ["invalid_parent"]})
    traces = draft.traces
    if traces is None:
        return None
    if traces.most is not None:
        since = draft.created_at - traces.window
        times = sorted(at for one in traces.networks for at in known.recent.times.get(one, ()) if at > since)
        if len(times) >= traces.most:
            free_at = times[-traces.most] + traces.window
            return TooManyCommentsError(seconds_until(free_at, draft.created_at), free_at)
    for fingerprint in traces.fingerprints:
        if fingerprint in known.recent.receipts:
            return DuplicateCommentError(known.recent.receipts[fingerprint])
    return None


def _owns(draft: Draft, claims: Mapping[tuple[str, str], Claim]) -> bool:
    return draft.idempotency is None or claims[_key(draft)].comment_id == draft.id


def _replay(
    draft: Draft,
    claims: Mapping[tuple[str, str], Claim],
    refused: Mapping[str, ModerationError],
    simplified: Collection[str],
) -> Outcome:
    """Answer a draft whose key belongs to another one as that one was, if the same network said the same."""
    claim = claims[_key(draft)]
    if draft.idempotency is None or not _is_repeated(draft.idempotency, claim):
        return KeyReusedError()
    return refused.get(claim.comment_id) or Receipt(
        id=claim.comment_id,
        page_url=draft.page.url,
        created_at=claim.created_at,
        is_simplified=claim.comment_id in simplified,
        is_replayed=True,
    )


def _is_repeated(sent: Idempotency, claim: Claim) -> bool:
    """Tell whether the one whose key it is sent the same again; nobody else learns what the key stands for."""
    is_same_network = claim.network_hash is None or claim.network_hash in sent.networks
    return is_same_network and claim.fingerprint in sent.fingerprints


def _key(draft: Draft) -> tuple[str, str]:
    return draft.page.site_id, draft.idempotency.key if draft.idempotency else ""


def _receipt(draft: Draft) -> Receipt:
    return Receipt(
        id=draft.id,
        page_url=draft.page.url,
        created_at=draft.created_at,
        is_simplified=draft.renderer == markup.PLAIN_RENDERER,
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
        )
    )


def _repetition(submission: Submission, page_id: str, network: str) -> str:
    address = addresses.identity(submission.author_email)
    return "\0".join((page_id, submission.parent_id or "", submission.body, address, network))
