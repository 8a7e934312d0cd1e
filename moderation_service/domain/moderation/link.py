"""What a mailed link says."""

from dataclasses import dataclass
from datetime import timedelta

LIFETIME = timedelta(days=30)
"""How long a mailed link works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a token says: this moderator of this site may decide this revision of this comment."""

    site_id: str
    moderator_id: str
    comment_id: str
    revision: int
    address_hash: str
