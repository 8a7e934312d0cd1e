"""To which hosts a text leads: by its links, and by names that stand there for people to copy."""

import html
import re
import unicodedata
from urllib.parse import unquote

import idna

_NAMED = re.compile(
    r"//(?:[^\s/?#@\\]*@)*(?P<link>[^\s/?#:@\\<>()\[\]\"']+)|(?<![\w@.-])(?P<bare>[\w-]+(?:\.[\w-]+)+)"
)
_DOTS = str.maketrans(dict.fromkeys("。․‧∙⋅ꓸ", "."))
_AT_ENDS = ".,;!-"
_OF_THE_WEB = "www."

LONGEST = 253
"""Characters of the longest name that a host may have (RFC 1035, 2.3.4, without the root's label)."""


def hosts_of(text: str) -> frozenset[str]:
    """Return the hosts that a text names, as `canonical` spells them, without those of mail addresses."""
    if "." not in text and "//" not in text and "%" not in text and "&" not in text and text.isascii():
        return frozenset()
    plain = _plain(unquote(html.unescape(text)))
    named = ((found["link"] or found["bare"]).strip(_AT_ENDS) for found in _NAMED.finditer(plain))
    return frozenset(_in_ascii(one) for one in named if "." in one and len(one) <= LONGEST)


def canonical(host: str) -> str:
    """Return a host as browsers ask for it: in lower case and in ASCII, without a dot at its end."""
    return _in_ascii(_plain(unquote(host)).strip(_AT_ENDS))


def without_www(host: str) -> str:
    """Return a host without the label that most websites are reached with and without."""
    return host.removeprefix(_OF_THE_WEB) if host.count(".") > 1 else host


def with_parents(host: str) -> list[str]:
    """Return a host and every domain in which it lies, the longest first."""
    labels = host.split(".")
    return [".".join(labels[first:]) for first in range(len(labels))]


def _plain(text: str) -> str:
    """Return a text as browsers read names in it: compatible forms folded, what shows nothing taken out."""
    if text.isascii():
        return text.lower()
    shown = "".join(one for one in text if unicodedata.category(one) != "Cf")
    return unicodedata.normalize("NFKC", shown).translate(_DOTS).lower()


def _in_ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return host
