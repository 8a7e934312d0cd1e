"""What is weighed before a human looks: how much one network posts, and how much a text looks like spam."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network

WINDOW = timedelta(minutes=10)
"""How far back a flood or a repetition is looked for."""

POSTS_PER_WINDOW = 20
"""How many comments one client network may post within the window."""

PROBABLE_SPAM = 5
"""The score from which a comment is probably spam."""

_LINK = re.compile(r"https?://", re.IGNORECASE)
_FOREIGN_MARKUP = re.compile(r"\[(?:url|link)[=\]]|<a\s", re.IGNORECASE)
_MANY_LINKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A score and the reasons for it; 0 is harmless."""

    score: int
    reasons: tuple[str, ...]


HARMLESS = Assessment(score=0, reasons=())


def assess(*, author_name: str, body: str) -> Assessment:
    """Weigh a comment by itself. The score never refuses a comment; it is shown to the moderator."""
    weights = {
        "many_links": 3 * (len(_LINK.findall(body)) >= _MANY_LINKS),
        "foreign_markup": 4 * bool(_FOREIGN_MARKUP.search(body)),
        "link_in_name": 5 * bool(_LINK.search(author_name)),
    }
    reasons = tuple(reason for reason, weight in weights.items() if weight)
    return Assessment(score=sum(weights.values()), reasons=reasons)


@lru_cache(4_096)
def network(address: IPv4Address | IPv6Address) -> str:
    """Return the client's network: /24 of IPv4, /48 of IPv6; an IPv4 address mapped into IPv6 is IPv4."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    prefix = 24 if address.version == 4 else 48  # noqa: PLR2004 - the versions of the protocol
    return str(ip_network((address, prefix), strict=False))
