"""Links whose words deceive: that name another host than their own, or lead to a look-alike of a known one."""

import html
import re
import unicodedata
from urllib.parse import unquote

from moderation_service.domain.screening import lookalikes

_LINK = re.compile(r'<a href="([^"]*)"( [^>]*)>(.*?)</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_HOST = re.compile(r"https?://([^/?#\\:]*)", re.IGNORECASE)
_SIGNS = r"\x00-\x7f\xa0-\xbf\xd7\xf7\u2000-\u206f\u2190-\u2bff\u3000-\u303f\ufe00-\ufe6f\U0001f000-\U0001faff"
_NAME = re.compile(rf"(?P<slashes>//)?(?P<name>(?:[\w.-]|[^{_SIGNS}])+)")
"""What may be a host within a word: behind two slashes whatever it is, else where it has dots."""
_DOTS = str.maketrans(dict.fromkeys("。․‧∙⋅ꓸ", "."))
_ALPHABETS_LIKE_LATIN = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
_PHONETIC = range(0x250, 0x2B0)
_AT_ENDS = ".-"
_ENCODED = "xn--"
_NUMBERS_OF_AN_ADDRESS = 4


def without_deceit(rendered: str) -> str:
    """Return the HTML of a comment with no link that deceives.

    Such a link becomes its words, without link, and behind them in brackets the whole address as a link, its host
    in ASCII. So do links to look-alike hosts, whatever the words are. A link without words shows its address.
    """
    return _LINK.sub(_honest, rendered) if "<a " in rendered else rendered


def _honest(link: re.Match[str]) -> str:
    address, attributes, words = link.groups()
    said = _seen(words)
    if not said:
        return f'<a href="{address}"{attributes}>{address}</a>'
    if said == (target := html.unescape(address)) and _ENCODED not in target:
        return link[0]
    host = _decoded(target)
    if not _is_lookalike(host) and not any(_names_another(word, _bare(host)) for word in said.split()):
        return link[0]
    return f'{words} (<a href="{address}"{attributes}>{address}</a>)'


def _seen(words: str) -> str:
    """Return what a reader sees of a link's words: without tags, and without characters that show nothing."""
    text = unicodedata.normalize("NFKC", html.unescape(_TAG.sub("", words))).translate(_DOTS)
    return "".join(one for one in text if unicodedata.category(one) not in {"Cf", "Cc"} or one in "\n\t").strip()


def _decoded(target: str) -> str:
    """Return the host of an address as people read it."""
    found = _HOST.match(target)
    labels = unquote(found[1] if found else "").lower().split(".")
    return ".".join(_label(one) for one in labels)


def _label(text: str) -> str:
    if not text.startswith(_ENCODED):
        return text
    try:
        return text.removeprefix(_ENCODED).encode("ascii").decode("punycode")
    except UnicodeError:
        return text


def _bare(host: str) -> str:
    return unicodedata.normalize("NFKC", host).casefold().strip(_AT_ENDS).removeprefix("www.")


def _names_another(word: str, host: str) -> bool:
    """Tell whether a word reads as a host, or an address on one, that is not this; what follows this is a path."""
    for name in _NAME.finditer(word):
        if not name["slashes"] and not _is_host(name["name"]):
            continue
        if _bare(name["name"]) != host:
            return True
        if word[name.end() : name.end() + 1] in {"/", "?", "#", ":"}:
            return False
    return False


def _is_host(name: str) -> bool:
    labels = name.strip(_AT_ENDS).split(".")
    if all(label.isdecimal() for label in labels):
        return len(labels) == _NUMBERS_OF_AN_ADDRESS
    return len(labels) > 1 and len(labels[-1]) > 1 and not labels[-1].isdecimal()


def _is_lookalike(host: str) -> bool:
    """Tell whether a part of a host is read as Latin letters but written with others, or mixes such alphabets."""
    return not host.isascii() and any(_feigns(label) for label in host.split("."))


def _feigns(label: str) -> bool:
    names = [unicodedata.name(one, "") for one in label if one.isalpha() and ord(one) not in _PHONETIC]
    is_latin = [name.startswith("LATIN") for name in names]
    if all(is_latin) and not any(ord(one) in _PHONETIC for one in label):
        return False
    return lookalikes.skeleton(label).isascii() or (
        any(is_latin) and any(name.startswith(_ALPHABETS_LIKE_LATIN) for name in names)
    )
