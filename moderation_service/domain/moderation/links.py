"""Mailed links: signed, bound to comments, revisions, moderator and address, and good for thirty days."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from moderation_service.domain import clocks
from moderation_service.domain.accounts.addresses import identity
from moderation_service.domain.errors import LinkExpiredError, LinkInvalidError, TokenExpiredError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.link import LIFETIME, Link
from moderation_service.domain.signing import Signer

_PURPOSE = "moderation link"
_ADDRESS = "moderator address"
_FORM = "moderation form"
_DIGEST = "digest link"
_DIGEST_FORM = "digest form"
_ID_BYTES = 16


class Links:
    """Makes and reads the tokens of mailed links."""

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._keys = keys
        self._clock = clock
        self.of_digests = DigestLinks(keys, clock)
        self._signer = Signer(keys, clock, purpose=_PURPOSE, lifetime=LIFETIME)

    def address_hash(self, address: str) -> str:
        """Return the keyed hash of a moderator's address that a new token carries."""
        return self._keys.keyed_hash(_ADDRESS, identity(address))

    def is_address(self, link: Link, address: str) -> bool:
        """Tell whether a link was mailed to this address, under any listed key."""
        return link.address_hash in self._keys.keyed_hashes(_ADDRESS, identity(address))

    def mint(self, link: Link) -> str:
        """Sign a link under the current key."""
        return self._signer.sign(
            [link.site_id, link.moderator_id, link.comment_id, link.revision, link.address_hash]
        )

    def read(self, token: str) -> Link:
        """Return what a token says; raise LinkInvalidError for a forgery, LinkExpiredError for an old one."""
        payload, made_at = self._signer.open(token)
        site_id, moderator_id, comment_id, revision, address_hash = payload
        link = Link(
            site_id=site_id,
            moderator_id=moderator_id,
            comment_id=comment_id,
            revision=revision,
            address_hash=address_hash,
        )
        if clocks.age(made_at, self._clock()) > LIFETIME:
            raise LinkExpiredError(link)
        return link

    def form_token(self, token: str, seen: str, revision: int) -> str:
        """Return what a form carries that was shown behind a link, with a comment's text and its state `seen`."""
        return self._keys.keyed_hash(_FORM, f"{token}\0{seen}\0{revision}")

    def is_form_token(self, token: str, seen: str, revision: int, value: str) -> bool:
        """Tell whether a form was shown behind a link, with a comment's text and its state `seen`."""
        return self._keys.is_keyed_hash(_FORM, f"{token}\0{seen}\0{revision}", value)


class ShownText(NamedTuple):
    """A text on the page behind a digest's link: of which comment, in which state that stood, and its revision."""

    comment_id: str
    seen: str
    revision: int


class DigestLinks:
    """Makes and reads the tokens that approve all comments of one mail, and the values of the forms behind them.

    Each is bound to those comments, and to whom it was mailed.
    """

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._links = Signer(keys, clock, purpose=_DIGEST, lifetime=LIFETIME)
        self._forms = Signer(keys, clock, purpose=_DIGEST_FORM, lifetime=LIFETIME)

    def mint(self, links: Sequence[Link]) -> str:
        """Sign the links of one mail, which all have one address."""
        by_role: dict[tuple[str, str], list[Link]] = {}
        for link in links:
            by_role.setdefault((link.site_id, link.moderator_id), []).append(link)
        return self._links.sign(
            [
                links[0].address_hash,
                *[
                    [site_id, moderator_id, _packed(of_role), [one.revision for one in of_role]]
                    for (site_id, moderator_id), of_role in by_role.items()
                ],
            ]
        )

    def read(self, token: str) -> list[Link]:
        """Return the links; raise LinkInvalidError for a forgery, TokenExpiredError for an old one."""
        address_hash, *roles = self._links.read(token)
        return [
            Link(
                site_id=site_id,
                moderator_id=moderator_id,
                comment_id=comment_id,
                revision=revision,
                address_hash=address_hash,
            )
            for site_id, moderator_id, packed, revisions in roles
            for comment_id, revision in zip(_unpacked(packed), revisions, strict=True)
        ]

    def shown(self, token: str, texts: Collection[ShownText]) -> str:
        """Return what the form behind a link carries: the texts that the page showed as waiting."""
        return self._forms.sign([token, *texts])

    def were_shown(self, token: str, value: str) -> list[ShownText] | None:
        """Return the texts that a page showed, None for a value that this link's page did not carry."""
        try:
            of_token, *texts = self._forms.read(value)
        except (LinkInvalidError, TokenExpiredError):
            return None
        return [ShownText(*one) for one in texts] if of_token == token else None


def _packed(links: Sequence[Link]) -> str:
    return urlsafe_b64encode(b"".join(UUID(one.comment_id).bytes for one in links)).decode()


def _unpacked(text: str) -> list[str]:
    raw = urlsafe_b64decode(text)
    return [str(UUID(bytes=raw[at : at + _ID_BYTES])) for at in range(0, len(raw), _ID_BYTES)]
