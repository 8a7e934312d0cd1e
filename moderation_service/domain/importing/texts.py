"""Names, addresses and links of other systems in the form in which ours are kept, or nothing."""

import re
import unicodedata

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.addresses import InvalidAddressError
from moderation_service.domain.comments.pages import InvalidPageError, canonical

LONGEST_NAME = 245
LONGEST_TITLE = 500
LONGEST_URL = 2_000
LARGEST_BODY = 65_525

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_ENDS = re.compile(r"\r\n?|\u2028")
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_UNSEEN = frozenset({"Cf", "Zl", "Zp", "Zs", "Cc"})
_FILLERS = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")
_NO_ADDRESSES = frozenset({"noreply@blogger.com", "anonymous@example.org", "undefined", "null"})
_NO_DOMAINS = ("@disqus-user", "@disqus-anonymous-user", "@localhost")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST_LIKE = re.compile(r"[\w-]+(?:\.[\w-]+)+(?:[:/?#].*)?", re.DOTALL)

ANONYMOUS = {"de": "Anonym", "en": "Anonymous", "es": "Anónimo", "fr": "Anonyme", "it": "Anonimo"}
"""The name of an author who gave none, by the language of the site."""


def lines(text: str) -> str:
    """Return a text of several lines: line feeds alone, and no other control character but tabs."""
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", text))


def line(text: str, limit: int) -> str:
    """Return a text as one trimmed line of at most so many characters."""
    words = " ".join(_CONTROLS.sub("", text).split())
    if not words.isprintable():
        words = "".join(one for one in words if unicodedata.category(one) not in _UNPRINTABLE)
    return words[:limit].rstrip()


def is_blank(text: str) -> bool:
    """Tell whether nothing of a text can be seen."""
    return all(one in _FILLERS or unicodedata.category(one) in _UNSEEN for one in text)


def name(text: str) -> str:
    """Return an author's name, empty where it shows nothing."""
    found = line(text, LONGEST_NAME)
    return "" if is_blank(found) else found


def email(text: str) -> str | None:
    """Return an address in canonical form, empty for none and for a placeholder, None for what is no address."""
    found = text.strip()
    if not found or found.lower() in _NO_ADDRESSES or found.lower().endswith(_NO_DOMAINS):
        return ""
    if "*" in found:
        return None
    try:
        return addresses.normalise(found)
    except InvalidAddressError:
        return None


def url(text: str) -> str | None:
    """Return an http(s) address, empty for none, None for what is no address that may be shown."""
    found = text.strip()
    if not found or found in ("undefined", "null", "http://", "https://"):
        return ""
    if not _SCHEME.match(found) or _HOST_LIKE.fullmatch(found):
        if not _HOST_LIKE.fullmatch(found):
            return None
        found = f"https://{found}"
    if len(found) > LONGEST_URL or any(one.isspace() for one in found) or not found.isprintable():
        return None
    try:
        canonical(found)
    except InvalidPageError:
        return None
    netloc = found.partition("//")[2].partition("/")[0]
    return None if "%" in netloc or "\\" in found else found


def cut(text: str, largest: int = LARGEST_BODY) -> str:
    """Return a text of at most so many bytes of UTF-8, with an ellipsis where it was cut."""
    encoded = text.encode()
    if len(encoded) <= largest:
        return text
    return encoded[: largest - 3].decode(errors="ignore").rstrip() + "…"
