"""Taking drafts in: what speaks against them, rows on disk, and a notification queued for every moderator."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from moderation_service.domain.comments import markup
from moderation_service.domain.comments.comment import Draft, Idempotency, Receipt, Traces
from moderation_service.domain.comments.notices import ADDRESS_PROOF
from moderation_service.domain.errors import (
    CommentsClosedError,
    DuplicateCommentError,
    FieldsInvalidError,
    KeyReusedError,
    ModerationError,
    TooManyCommentsError,
    seconds_until,
)
from moderation_service.domain.screening import repetitions
from moderation_service.storage.comments import comment_networks, comments, contacts, idempotency, recent_posts
from moderation_service.storage.comments import pages as stored_pages
from moderation_service.storage.comments.comments import Answerable, Kept
from moderation_service.storage.comments.idempotency import Claim
from moderation_service.storage.comments.recent_posts import Recent
from moderation_service.storage.engine.database import Connection, lock_classes
from moderation_service.storage.notifications import author_mails, deliveries, outbox, subscriptions
from moderation_service.storage.screening import outside_checks

KEY_LIFETIME = timedelta(hours=24)
"""How long an idempotency key is remembered."""

Outcome = Receipt | ModerationError

FirstMet = Callable[[Connection, Sequence[Draft]], Awaitable[Mapping[str, str]]]
"""Finds the addresses under which the pages of stored drafts were first met, by page id."""


def is_screened(draft: Draft) -> bool:
    """Tell whether anything that is stored already may decide about a draft."""
    return draft.traces is not None or draft.idempotency is not None


Closed = Callable[[Connection, Sequence[Draft]], Awaitable[Collection[str]]]
"""Finds the ids of those drafts whose pages take no more comments."""


async def _nothing_closed(_: Connection, __: Sequence[Draft]) -> Collection[str]:
    return ()


async def sift(connection: Connection, draft: Draft, closed: Closed = _nothing_closed) -> Outcome | None:
    """Return what can be said of a draft without writing: what was answered before, or why it is refused.

    `accept` decides again about what is left.
    """
    claims = await idempotency.find(connection, [draft], since=draft.created_at - KEY_LIFETIME)
    if _key(draft) in claims:
        kept = await comments.kept(connection, [claim.comment_id for claim in claims.values()])
        return _replay(draft, claims, {}, kept)
    return _objection(draft, await _known(connection, [draft], draft.created_at, closed))


async def look_up_addresses(connection: Connection, drafts: Sequence[Draft]) -> dict[str, str]:
    """Ask the database under which addresses the pages of drafts were first met."""
    found = await stored_pages.met(connection, sorted({draft.page.id for draft in drafts}))
    return {page_id: one.url for page_id, one in found.items()}


async def accept(
    connection: Connection,
    drafts: Sequence[Draft],
    again: bool,  # noqa: FBT001 - group commit's protocol
    first_met: FirstMet = look_up_addresses,
    closed: Closed = _nothing_closed,
) -> list[Outcome]:
    """Store drafts in one transaction; return a receipt, or the reason against it, for each in order.

    With `again` some may be on disk already: an attempt to commit them went unanswered.
    """
    await lock_classes(connection, [one for draft in drafts for one in _classes(draft)])
    stored = await comments.stored(connection, [draft.id for draft in drafts]) if again else set()
    now = max(draft.created_at for draft in drafts)
    claims = await idempotency.claim(connection, drafts, forget_before=now - KEY_LIFETIME)
    fresh = [draft for draft in drafts if draft.id not in stored and _owns(draft, claims)]
    known = await _known(connection, fresh, now, closed)
    refused = _refusals(fresh, known)
    accepted = [draft for draft in fresh if draft.id not in refused]
    if accepted:
        roots = {comment_id: one.root_id for comment_id, one in known.parents.items()}
        await comments.add(connection, accepted, roots)
        await contacts.add(connection, accepted)
        await recent_posts.add(connection, accepted)
        await comment_networks.add(connection, accepted)
        await outbox.enqueue(connection, accepted)
        await outside_checks.add(connection, accepted)
        await subscriptions.ask(connection, accepted)
        await _ask_for_proofs(connection, accepted)
    forget = [_key(draft) for draft in fresh if draft.id in refused and draft.idempotency]
    if forget:
        await idempotency.release(connection, forget)
    replayed = [claims[_key(draft)].comment_id for draft in drafts if not _owns(draft, claims)]
    kept = await comments.kept(connection, replayed)
    urls = await first_met(connection, [draft for draft in drafts if draft.id not in refused])
    return [
        refused.get(draft.id)
        or (_receipt(draft, urls) if _owns(draft, claims) else _replay(draft, claims, refused, kept))
        for draft in drafts
    ]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known about drafts: who comes too late, the approved comments that they answer, and recent posts."""

    closed: Collection[str]

    parents: Mapping[str, Answerable]
    recent: Recent


async def _known(connection: Connection, drafts: Sequence[Draft], now: datetime, closed: Closed) -> _Known:
    parents = {draft.parent_id for draft in drafts if draft.parent_id is not None}
    windows = [draft.traces.window for draft in drafts if draft.traces is not None]
    return _Known(
        await closed(connection, drafts),
        await comments.answerable(connection, sorted(parents)) if parents else {},
        await recent_posts.find(
            connection,
            drafts,
            posts_since=now - max(windows),
            repetitions_since=now - repetitions.REPETITION_WINDOW,
            now=now,
        )
        if windows
        else Recent({}, {}),
    )


def _refusals(drafts: Sequence[Draft], known: _Known) -> dict[str, ModerationError]:
    """Return why some drafts cannot be kept; those that can count for those after them."""
    refused: dict[str, ModerationError] = {}
    for draft in drafts:
        error = _objection(draft, known)
        if error is not None:
            refused[draft.id] = error
        elif draft.traces is not None:
            for hashes, _ in draft.traces.limits:
                known.recent.times.setdefault(hashes[0], []).append(draft.created_at)
            known.recent.receipts[draft.traces.fingerprints[0]] = Receipt(
                id=draft.id, page_url=draft.page.url, created_at=draft.created_at
            )
    return refused


def _objection(draft: Draft, known: _Known) -> ModerationError | None:
    """Return why a draft cannot be kept: a closed page, an answer to no public comment, a flood, a repetition."""
    if draft.id in known.closed:
        return CommentsClosedError()
    if draft.parent_id is not None:
        parent = known.parents.get(draft.parent_id)
        if parent is None or draft.page.id not in parent.page_ids:
            return FieldsInvalidError({"parent_id": ["invalid_parent"]})
    traces = draft.traces
    if traces is None:
        return None
    over_limit = limit_passed(traces, known.recent.times, draft.created_at)
    if over_limit is not None:
        return over_limit
    for fingerprint in traces.fingerprints:
        if fingerprint in known.recent.receipts:
            return DuplicateCommentError(known.recent.receipts[fingerprint])
    return None


def limit_passed(
    traces: Traces, posts: Mapping[str, Sequence[datetime]], now: datetime
) -> TooManyCommentsError | None:
    """Return why another post of a network is too many, or of the one around it.

    `posts` are the times of their last ones, by their hashes.
    """
    since = now - traces.window
    for hashes, most in traces.limits:
        if posts.keys().isdisjoint(hashes):
            continue
        times = sorted(at for one in hashes for at in posts.get(one, ()) if at > since)
        if len(times) >= most:
            free_at = times[-most] + traces.window
            is_wide = hashes is traces.wide_networks
            return TooManyCommentsError(seconds_until(free_at, now), free_at, is_wide=is_wide)
    return None


def _classes(draft: Draft) -> tuple[int, ...]:
    """Return what no other writer may judge meanwhile."""
    posted = () if draft.traces is None else draft.traces.classes
    return posted if draft.asked_proof is None else (*posted, *draft.asked_proof.classes)


async def _ask_for_proofs(connection: Connection, accepted: Sequence[Draft]) -> None:
    """Queue the mails by which addresses are proved, as far as limits allow; none for suspects."""
    allowed = await author_mails.ask(connection, accepted)
    fresh = [
        (draft.asked_proof.id, draft.id)
        for draft in allowed
        if draft.asked_proof is not None and not draft.assessment.is_suspect
    ]
    now = max(draft.created_at for draft in accepted)
    await deliveries.add_for_authors(connection, fresh, kind=ADDRESS_PROOF, now=now)


def _owns(draft: Draft, claims: Mapping[tuple[str, str], Claim]) -> bool:
    return draft.idempotency is None or claims[_key(draft)].comment_id == draft.id


def _replay(
    draft: Draft,
    claims: Mapping[tuple[str, str], Claim],
    refused: Mapping[str, ModerationError],
    kept: Mapping[str, Kept],
) -> Outcome:
    """Answer a draft whose key belongs to another one as that one was, if the same network said the same."""
    claim = claims[_key(draft)]
    if draft.idempotency is None or not _is_repeated(draft.idempotency, claim):
        return KeyReusedError()
    first = kept.get(claim.comment_id)
    return refused.get(claim.comment_id) or Receipt(
        id=claim.comment_id,
        page_url=draft.page.url if first is None else first.page_url,
        created_at=claim.created_at,
        token_sealed=claim.receipt_sealed,
        is_simplified=first is not None and first.is_simplified,
        is_replayed=True,
        assessment=None if first is None else first.assessment,
    )


def _is_repeated(sent: Idempotency, claim: Claim) -> bool:
    """Tell whether the one whose key it is sent the same again; nobody else learns what the key stands for."""
    is_same_network = claim.network_hash is None or claim.network_hash in sent.networks
    return is_same_network and claim.fingerprint in sent.fingerprints


def _key(draft: Draft) -> tuple[str, str]:
    return draft.page.site_id, draft.idempotency.key if draft.idempotency else ""


def _receipt(draft: Draft, urls: Mapping[str, str]) -> Receipt:
    return Receipt(
        id=draft.id,
        page_url=urls.get(draft.page.id, draft.page.url),
        created_at=draft.created_at,
        token=draft.receipt_token,
        is_simplified=draft.renderer == markup.PLAIN_RENDERER,
        assessment=draft.assessment,
    )
