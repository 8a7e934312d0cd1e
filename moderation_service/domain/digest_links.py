"""The link of a digest that approves all it shows: bound to those comments, and to whom it was mailed."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from moderation_service.domain.errors import LinkInvalidError, TokenExpiredError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.link import LIFETIME, Link
from moderation_service.domain.signing import Signer

_LINK, _FORM = "digest link", "digest form"
_ID_BYTES = 16


class DigestLinks:
    """Makes and reads such tokens, and the values that the forms behind them carry."""

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._links = Signer(keys, clock, purpose=_LINK, lifetime=LIFETIME)
        self._forms = Signer(keys, clock, purpose=_FORM, lifetime=LIFETIME)

    def mint(self, links: Sequence[Link]) -> str:
        """Sign the links of one mail, which all have one address."""
        parts: dict[tuple[str, str], list[Link]] = {}
        for link in links:
            parts.setdefault((link.site_id, link.moderator_id), []).append(link)
        return self._links.sign(
            [
                links[0].address_hash,
                *[
                    [site_id, moderator_id, _packed(part), [one.revision for one in part]]
                    for (site_id, moderator_id), part in parts.items()
                ],
            ]
        )

    def read(self, token: str) -> list[Link]:
        """Return the links; raise LinkInvalidError for a forgery, TokenExpiredError for an old one."""
        address_hash, *parts = self._links.read(token)
        return [
            Link(
                site_id=site_id,
                moderator_id=moderator_id,
                comment_id=comment_id,
                revision=revision,
                address_hash=address_hash,
            )
            for site_id, moderator_id, packed, revisions in parts
            for comment_id, revision in zip(_unpacked(packed), revisions, strict=True)
        ]

    def shown(self, token: str, comment_ids: Sequence[str]) -> str:
        """Return what the form behind a link carries: the comments that the page showed as waiting."""
        return self._forms.sign([token, *comment_ids])

    def were_shown(self, token: str, value: str) -> frozenset[str] | None:
        """Return the comments that a page showed, None for a value that this link's page did not carry."""
        try:
            of_token, *comment_ids = self._forms.read(value)
        except (LinkInvalidError, TokenExpiredError):
            return None
        return frozenset(comment_ids) if of_token == token else None


def _packed(links: Sequence[Link]) -> str:
    return urlsafe_b64encode(b"".join(UUID(one.comment_id).bytes for one in links)).decode()


def _unpacked(text: str) -> list[str]:
    raw = urlsafe_b64decode(text)
    return [str(UUID(bytes=raw[at : at + _ID_BYTES])) for at in range(0, len(raw), _ID_BYTES)]
