"""What authors ask for about all that is kept of an address, once a mail has shown that it is theirs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.notices import AskedProof, classes_of
from moderation_service.domain.comments.personal_data import PERSONAL_DATA, Wish, WishLink, WishLinks
from moderation_service.domain.comments.receipts import OwnComment
from moderation_service.domain.errors import LinkVoidError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.decisions import Decision
from moderation_service.domain.screening.networks import network_hashes
from moderation_service.mail.author import AuthorComposer
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications.kinds import Letter
from moderation_service.services.operations import erasing
from moderation_service.services.operations.exporting import moment
from moderation_service.services.screening.client_networks import Client
from moderation_service.storage.comments import comments, contacts
from moderation_service.storage.engine.database import Database, lock_classes
from moderation_service.storage.notifications import author_mails, deliveries
from moderation_service.storage.notifications.deliveries import Claimed
from moderation_service.storage.operations import personal_data as stored
from moderation_service.storage.operations.personal_data import Kept

FORMAT, VERSION = "moderation-service-personal-data", 1

_FORM = "personal data form"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for by a mailed link, and about which address at which site."""

    link: WishLink
    site: Site
    address: str = field(repr=False)


class PersonalData:
    """Mails the links, and does what is asked for behind them. Opening one changes nothing."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        composer: AuthorComposer,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        wake: Callable[[], None],
        announce: Callable[[], Awaitable[None]],
        on_erased: Callable[[], None],
    ) -> None:
        """`wake` is called when a mail is due, `announce` awaited and `on_erased` called after an erasure."""
        self._database = database
        self._directory = directory
        self._keys = keys
        self._composer = composer
        self._links = WishLinks(keys, clock)
        self._clock = clock
        self._new_id = new_id
        self._wake = wake
        self._announce = announce
        self._on_erased = on_erased

    async def ask(self, own: OwnComment, site: Site, wish: Wish, *, client: Client) -> None:
        """Queue the mail with a link to the address of a comment, as far as limits allow.

        Whoever asks learns nothing: not whether there is an address, nor whether a mail is sent.
        """
        now, delivery_id = self._clock(), self._new_id()
        async with self._database.write() as connection:
            address = await contacts.address(connection, self._keys, own.id)
            if address is None:
                return
            is_limited = client.address is not None and not client.is_exempt(site)
            asked = AskedProof(
                id=delivery_id,
                address_hashes=self._hashes(address),
                networks=network_hashes(self._keys, site.id, client.network) if is_limited else (),
                classes=classes_of(address, site.id, client.network if is_limited else None),
            )
            await lock_classes(connection, asked.classes)
            if not await author_mails.ask_one(connection, asked, about_id=own.id, site_id=site.id, at=now):
                return
            queued = [(delivery_id, f"{own.id} {wish}")]
            await deliveries.add_for_authors(connection, queued, kind=PERSONAL_DATA, now=now)
        self._wake()

    async def compose(self, delivery: Claimed) -> Letter | None:
        """Return the mail with the link; None where the comment or its address is gone by now."""
        comment_id, _, wish = (delivery.reference or "").partition(" ")
        async with self._database.read() as connection:
            comment = await comments.get(connection, comment_id)
            address = await contacts.address(connection, self._keys, comment_id)
        site = None if comment is None else self._directory.sites.get(comment.site_id)
        if site is None or address is None:
            return None
        link = WishLink(comment_id, Wish(wish))
        mail = self._composer.personal_data(
            site,
            link.wish,
            address,
            token=self._links.mint(link),
            delivery_id=delivery.id,
            now=self._clock(),
        )
        return Letter(mail, address)

    async def find(self, token: str) -> Asked:
        """Return what a link is for.

        Raises LinkInvalidError for a forgery, TokenExpiredError for one that is too old, and LinkVoidError where
        the comment, its address or its site is gone, as after an erasure.
        """
        link = self._links.read(token)
        async with self._database.read() as connection:
            comment = await comments.get(connection, link.comment_id)
            address = await contacts.address(connection, self._keys, link.comment_id)
        site = None if comment is None else self._directory.sites.get(comment.site_id)
        if site is None or address is None:
            raise LinkVoidError
        return Asked(link=link, site=site, address=address)

    def form_token(self, token: str) -> str:
        """Return what the form behind a link carries."""
        return self._keys.keyed_hash(_FORM, token)

    def is_form_token(self, token: str, value: str) -> bool:
        """Tell whether a form was shown behind a link."""
        return self._keys.is_keyed_hash(_FORM, token, value)

    async def export(self, asked: Asked) -> dict[str, Any]:
        """Return all that is kept about the address at the site (`schemas/personal_data.py`)."""
        return await collect(
            self._database, self._keys, asked.site, asked.address, now=self._clock(), with_notes=False
        )

    async def erase(self, asked: Asked) -> int:
        """Erase it as `moderation-service erase` does, at that site; return how many comments that were."""
        done = await erasing.erase(
            self._database,
            await erasing.of_address(self._database, self._keys, asked.address, site_id=asked.site.id),
            now=self._clock(),
        )
        await erasing.erase_address(self._database, self._keys, asked.address, site_id=asked.site.id)
        self._on_erased()
        await self._announce()
        return len(done.comment_ids)

    def _hashes(self, address: str) -> tuple[str, ...]:
        return self._keys.keyed_hashes(addresses.AUTHOR, addresses.identity(address))


async def collect(
    database: Database, keys: KeyRing, site: Site, address: str, *, now: datetime, with_notes: bool
) -> dict[str, Any]:
    """Return all that is kept about an address at a site, of nobody else anything.

    What moderators noted may name others: it is there only `with_notes`, for an operator to look through. Raises
    InvalidAddressError for what is no address.
    """
    address = addresses.normalise(address, local=True)
    hashes = keys.keyed_hashes(addresses.AUTHOR, addresses.identity(address))
    async with database.read() as connection:
        kept = await stored.find(connection, hashes, site_id=site.id)
    found: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "site": {"id": site.id, "name": site.name, "contact": site.contact},
        "made_at": moment(now),
        "author_email": address,
        "comments": [_comment(row, kept) for row in kept.comments],
        "reports": [
            {
                "id": row.id,
                "comment_id": row.comment_id,
                "reason": row.reason,
                "explanation": row.explanation,
                "reporter_name": row.reporter_name,
                "created_at": moment(row.created_at),
                "outcome": row.outcome,
                "decided_at": _moment(row.decided_at),
            }
            for row in kept.reports
        ],
        "mails_counted": [{"at": moment(row.at), "refused_at": _moment(row.refused_at)} for row in kept.mails],
        "blocks": [{"created_at": moment(row.created_at), "ends_at": _moment(row.ends_at)} for row in kept.blocks],
    }
    if with_notes:
        found["moderators_notes"] = [
            *({"about": "author", "note": row.note, "at": moment(row.at)} for row in kept.notes),
            *({"about": "block", "note": row.reason, "at": moment(row.created_at)} for row in kept.blocks),
            *(
                {"about": row.comment_id, "note": row.note, "at": moment(row.at)}
                for rows in kept.decisions.values()
                for row in rows
                if row.note is not None
            ),
        ]
    return found


def _comment(row: Any, kept: Kept) -> dict[str, Any]:
    return {
        "id": row.id,
        "page_url": row.page_url,
        "page_title": row.page_title,
        "parent_id": row.parent_id,
        "status": row.status,
        "revision": row.revision,
        "author_name": row.author_name,
        "author_url": row.author_url,
        "body": row.body,
        "redacted": row.redacted,
        "created_at": moment(row.created_at),
        "changed_at": moment(row.changed_at),
        "address_proved_at": _moment(row.proved_at),
        "objection": row.objection,
        "objected_at": _moment(row.objected_at),
        "screening": {"verdict": row.verdict, "reasons": row.spam_reasons.split()},
        "has_network_hash": row.id in kept.networks,
        "decisions": [
            {
                "decision": _decided(one),
                "from": one.from_status,
                "to": one.to_status,
                "means": one.means,
                "reason": one.reason,
                "rule": one.rule,
                "at": moment(one.at),
            }
            for one in kept.decisions.get(row.id, ())
        ],
        "author_changes": [
            {"action": one.action, "revision": one.revision, "at": moment(one.at)}
            for one in kept.author_changes.get(row.id, ())
        ],
        "other_texts": [
            {"revision": one.number, "state": one.state, "body": one.body, "at": moment(one.at)}
            for one in kept.revisions.get(row.id, ())
        ],
        "notices_asked": [
            {
                "notice": one.notice,
                "asked_at": moment(one.asked_at),
                "confirmed_at": _moment(one.confirmed_at),
                "ended_at": _moment(one.ended_at),
            }
            for one in kept.subscriptions.get(row.id, ())
        ],
        "notices_sent": [{"about_id": one.about_id, "at": moment(one.at)} for one in kept.notices.get(row.id, ())],
        "address_shown_at": [moment(one.at) for one in kept.address_views.get(row.id, ())],
    }


def _decided(row: Any) -> str:
    """Return what was decided, which older versions read as something else."""
    if row.answer_id is not None:
        return Decision.ANSWER
    return str(row.decision) if row.redacted_as is None else Decision.REDACT


def _moment(at: datetime | None) -> str | None:
    return None if at is None else moment(at)
