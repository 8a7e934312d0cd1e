"""What is weighed before a human looks: how much one network posts, and how much a text looks like spam."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from zlib import crc32

from moderation_service.domain import lookalikes

REPETITION_WINDOW = timedelta(minutes=10)
"""How far back a repetition is looked for."""

CLASSES = 256
"""How many classes there are of texts, and as many of networks, that one writer judges at a time."""

PROBABLE_SPAM = 5
"""The score from which a comment is probably spam."""

_LINK = re.compile(r"https?://", re.IGNORECASE)
_LINK_IN_NAME = re.compile(
    r"://|\bwww\.|[^\W_]\.[^\W\d_]{2,}(?::\d+)?/|[^\W_]\.(?:app|biz|blog|cam|cfd|click|club|com|cyou|dev|edu|eu|fun|"
    r"info|life|link|live|ltd|net|online|org|page|pro|pw|rest|ru|sbs|shop|site|space|store|top|vip|website|win|work|"
    r"world|xn--[a-z0-9-]+|xyz|zip|de|es|fr|it|uk|us|io|co|me|tv|cc|ch|at|рф)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\S+@\S+")
_FOREIGN_MARKUP = re.compile(r"\[(?:url|link)[=\]]|<a\s", re.IGNORECASE)
_MANY_LINKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A score and the reasons for it; 0 is harmless."""

    score: int
    reasons: tuple[str, ...]


HARMLESS = Assessment(score=0, reasons=())


def assess(*, author_name: str, author_email: str, body: str, moderator_names: Iterable[str] = ()) -> Assessment:
    """Weigh a comment by itself. The score never refuses a comment; it is shown to the moderator."""
    weights = {
        "many_links": 3 * (len(_LINK.findall(body)) >= _MANY_LINKS),
        "foreign_markup": 4 * bool(_FOREIGN_MARKUP.search(body)),
        "link_in_name": 5 if _LINK.search(author_name) else 3 * holds_link(author_name),
        "address_in_name": lookalikes.holds(author_name, author_email),
        "moderator_name": any(lookalikes.holds(author_name, name) for name in moderator_names),
    }
    reasons = tuple(reason for reason, weight in weights.items() if weight)
    return Assessment(score=sum(weights.values()), reasons=reasons)


def holds_link(line: str) -> bool:
    """Tell whether a name leads somewhere: an address of the web, or what mail programs make one of."""
    unseen_left_out = "".join(one for one in line if unicodedata.category(one) != "Cf")
    return _LINK_IN_NAME.search(unicodedata.normalize("NFKC", _ADDRESS.sub(" ", unseen_left_out))) is not None


def text_class(site_id: str, page_id: str, body: str) -> int:
    """Return the class of a text on a page; the same in every process, whatever its keys."""
    return crc32(f"{site_id}\0{page_id}\0{body}".encode()) % CLASSES


def network_class(site_id: str, client_network: str) -> int:
    """Return the class of a client network at a site, apart from those of texts."""
    return CLASSES + crc32(f"{site_id}\0{client_network}".encode()) % CLASSES


@lru_cache(4_096)
def network(address: IPv4Address | IPv6Address) -> str:
    """Return the client's network: /24 of IPv4, /48 of IPv6; an IPv4 address mapped into IPv6 is IPv4."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    prefix = 24 if address.version == 4 else 48  # noqa: PLR2004 - the versions of the protocol
    return str(ip_network((address, prefix), strict=False))
