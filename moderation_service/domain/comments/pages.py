"""Pages are URLs: one canonical form for all the addresses that show the same page."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import quote, unquote, unquote_plus, urljoin, urlsplit, urlunsplit
from uuid import UUID

import idna

_DEFAULT_PORTS = {"http": 80, "https": 443}
_TRACKING = frozenset(
    {
        *(
            "fbclid",
            "gclid",
            "gbraid",
            "wbraid",
            "dclid",
            "msclkid",
            "mc_cid",
            "mc_eid",
            "ttclid",
            "twclid",
            "yclid",
        ),
        *("li_fat_id", "srsltid", "_gl", "_ga", "_hsenc", "_hsmi", "mkt_tok", "vero_id"),
        *("replytocom", "amp", "cpage", "unapproved", "moderation-hash", "comment_receipt"),
    }
)
_TRACKING_PREFIXES = ("utm_", "gad_", "igsh")
_REMEMBERED = 4_096
_ROUTES = ("/", "!/")
_NOT_ASCII = re.compile(r"[^\x21-\x7e]+")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_OUTSIDE_ASCII = re.compile(r"(?:%[89A-F][0-9A-F])+")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_HOST = re.compile(r"[a-z0-9._-]+")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d*)?")


class InvalidPageError(ValueError):
    """The text is not an http(s) URL."""


FORM = 2
"""The version of the rule by which addresses are one page, for sites whose own rules never changed.

Pages on disk say by which version they were told apart; each change of a site's rules gives it the next one.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a site under its canonical URL; `form` is the version of the rules that told it apart."""

    id: str
    site_id: str
    url: str
    form: int = FORM


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """What a page is called: as was `chosen` for it, else as its earliest approved comment that sent a title.

    `sent_by` is that comment's id.
    """

    chosen: str | None = None
    sent: str | None = None
    sent_by: str | None = None

    @property
    def public(self) -> str | None:
        """What readers see."""
        return self.sent if self.chosen is None else self.chosen

    def with_comment(self, comment_id: str, page_title: str | None) -> str | None:
        """Return what readers see once this comment is approved too."""
        if self.chosen is not None:
            return self.chosen
        is_first = self.sent_by is None or comment_id < self.sent_by
        return page_title if is_first and page_title is not None else self.sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Titled:
    """A page and the title that readers see, None where there is none; `is_set` if a moderator set it."""

    page_id: str
    site_id: str
    url: str
    title: str | None
    is_set: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentedPage:
    """A page with comments that everybody may read: how many, and when the newest of them was written."""

    id: str
    url: str
    title: str | None
    count: int
    last_at: datetime


@lru_cache(_REMEMBERED)
def page(site_id: str, url: str) -> Page:
    """Return the page of a site at a canonical URL; its id follows from both, so nobody has to look it up.

    Of addresses that differ only in how an accented letter is composed (Unicode NFC) or encoded, each keeps its
    own URL, as a web server may know one of them only, and all have one id.
    """
    return Page(id=id_of(site_id, identity(url)), site_id=site_id, url=url)


def id_of(site_id: str, page_identity: str) -> str:
    """Return the id of the page of a site that has an identity."""
    digest = hashlib.sha256(f"{site_id}\0{page_identity}".encode()).digest()
    return str(UUID(bytes=digest[:16]))


def canonical(url: str, *, keep_route: bool = False) -> str:
    """Return the one form of a page's URL; raise InvalidPageError for anything but http(s).

    Scheme and host in lower case (IDNA A-labels), no default port, no fragment, no tracking parameter, `/` for an
    empty path, no dot segments, everything outside ASCII percent-encoded, escapes in upper case and none of
    unreserved characters (RFC 3986, 6.2.2). All else keeps its order and spelling. With `keep_route` a fragment
    stays that is a route, `#/…` or `#!/…`.
    """
    return _canonical(url, keep_route)


@lru_cache(_REMEMBERED)
def _canonical(url: str, keep_route: bool) -> str:  # noqa: FBT001 - a cache tells keywords from places
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidPageError from error
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not host or "@" in parts.netloc or "\\" in url:
        raise InvalidPageError
    netloc = _ip6_host(parts.netloc) if "[" in parts.netloc else _ascii_host(host)
    if port is not None and port != _DEFAULT_PORTS[scheme]:
        netloc = f"{netloc}:{port}"
    query = "&".join(pair for pair in parts.query.split("&") if not _is_tracking(pair))
    route = parts.fragment if keep_route and parts.fragment.startswith(_ROUTES) else ""
    try:
        place = _without_dots(_tidied(parts.path)) or "/"
        return urlunsplit((scheme, netloc, place, _tidied(query), _tidied(route)))
    except UnicodeEncodeError as error:
        raise InvalidPageError from error


@lru_cache(_REMEMBERED)
def origin(url: str) -> str:
    """Return scheme, host and port of a canonical URL, as a browser writes `Origin`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@lru_cache(_REMEMBERED)
def path(url: str) -> str:
    """Return the path of a canonical URL."""
    return urlsplit(url).path


def covers(prefix: str, page_path: str) -> bool:
    """Tell whether a path lies at or below a prefix, by whole segments: `/blog` covers `/blog/a`, not `/blogs`.

    Paths are compared as web servers look them up: unescaped, without empty and dot segments; bytes that are no
    UTF-8 count as Latin-1, as in a page's identity.
    """
    wanted = _segments(prefix)
    return _segments(page_path)[: len(wanted)] == wanted


def resolve(base: str, reference: str) -> str | None:
    """Return an absolute http(s) URL, in ASCII, for a reference on a page, or None if it is none safe to send."""
    try:
        target = urlsplit(urljoin(canonical(base), reference.replace("\\", "%5C")))
        root = urlsplit(canonical(target.geturl()))
        rest = (_ascii(target.path) or "/", _ascii(target.query), _ascii(target.fragment))
    except (ValueError, InvalidPageError):
        return None
    return urlunsplit((root.scheme, root.netloc, *rest))


def _ascii_host(host: str) -> str:
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise InvalidPageError from error
    if not _HOST.fullmatch(name):
        raise InvalidPageError
    return name


def _ip6_host(netloc: str) -> str:
    """Return an IPv6 address in its brackets; urlsplit passes over what stands beside or instead of it."""
    match = _BRACKETED.fullmatch(netloc)
    if match is None:
        raise InvalidPageError
    try:
        return f"[{IPv6Address(match[1])}]"
    except ValueError as error:
        raise InvalidPageError from error


def _ascii(text: str) -> str:
    return _NOT_ASCII.sub(lambda match: quote(match[0], errors="strict"), text)


def _tidied(text: str) -> str:
    """Return a part of a URL in ASCII, escapes in upper case and only where they are needed."""
    return _ESCAPES.sub(_spelling, _STRAY_PERCENT.sub("%25", _ascii(text)))


def _spelling(escapes: re.Match[str]) -> str:
    octets = bytes.fromhex(escapes[0].replace("%", ""))
    return "".join(chr(one) if one in _UNRESERVED else f"%{one:02X}" for one in octets)


def identity(canonical_url: str) -> str:
    """Return what the spellings of an accented letter share: composed, in UTF-8; other bytes count as Latin-1."""
    if "%" not in canonical_url:
        return canonical_url
    return _ascii(unicodedata.normalize("NFC", _OUTSIDE_ASCII.sub(_decoded, canonical_url)))


def _decoded(escapes: re.Match[str]) -> str:
    return _as_text(bytes.fromhex(escapes[0].replace("%", "")).decode(errors="surrogateescape"))


def _as_text(text: str) -> str:
    """Return text in which bytes that are no UTF-8 are read as Latin-1."""
    return "".join(chr(ord(one) - 0xDC00) if "\udc80" <= one <= "\udcff" else one for one in text)


def _without_dots(path: str) -> str:
    """Return a path without `.` and `..` segments (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            del kept[max(1, len(kept) - 1) :]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)


@lru_cache(_REMEMBERED)
def _segments(path: str) -> tuple[str, ...]:
    """Return the segments of a path that count, composed; an escaped slash parts them as a plain one does."""
    kept: list[str] = []
    plain = unicodedata.normalize("NFC", _as_text(unquote(path, errors="surrogateescape"))).replace("\\", "/")
    for segment in plain.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return tuple(kept)


def _is_tracking(pair: str) -> bool:
    if not pair:
        return True
    name = parameter(pair)
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)


def parameter(pair: str) -> str:
    """Return the name of a query's `name=value` as names are compared: decoded, composed, in lower case."""
    return unicodedata.normalize("NFC", unquote_plus(pair.partition("=")[0])).lower()
