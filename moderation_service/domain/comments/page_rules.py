"""Which addresses of a site are one page: the rules that a site chooses, and the pages that follow from them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from moderation_service.domain.comments import pages
from moderation_service.domain.comments.pages import FORM, Page

ALL_PARAMETERS = "*"
_REMEMBERED = 4_096


class OriginsAreOne(StrEnum):
    """Which of the origins that a site lists show the same pages."""

    WWW = "www"
    """Those that differ in http or https, or in a leading `www.`, only."""

    ALL = "all"
    NONE = "none"


class TrailingSlash(StrEnum):
    """Whether `/a/` and `/a` are one page."""

    IGNORE = "ignore"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRules:
    """The rules of one site. Names of parameters are compared without regard to case.

    `index_files` are what a web server shows for a folder; `ignore_parameters` may hold `*`, which means all but
    `keep_parameters`; with `fragment_routes`, `#/…` and `#!/…` name pages.
    """

    origins_are_one: OriginsAreOne = OriginsAreOne.WWW
    trailing_slash: TrailingSlash = TrailingSlash.IGNORE
    index_files: tuple[str, ...] = ("index.html", "index.htm", "index.php")
    ignore_parameters: tuple[str, ...] = ()
    keep_parameters: tuple[str, ...] = ()
    fragment_routes: bool = False


class SitePages:
    """The pages of one site.

    `form` is the version of these rules among those that the site ever had, as the database counts them.
    """

    def __init__(
        self, site_id: str, origins: Sequence[str], rules: PageRules, *, previews: Sequence[str] = ()
    ) -> None:
        """Take the site's origins, the preferred one first, and patterns of origins that show the same pages."""
        self.form = FORM
        self._site_id = site_id
        self._rules = rules
        self._preferred = preferred(origins, rules.origins_are_one)
        self._first = origins[0] if origins else None
        self._previews = tuple(previews)
        self._ignored = frozenset(pages.parameter(one) for one in rules.ignore_parameters)
        self._kept = frozenset(pages.parameter(one) for one in rules.keep_parameters)
        self._index_files = frozenset(_file_name(one) for one in rules.index_files)
        self._of = lru_cache(_REMEMBERED)(self._page)

    @property
    def fingerprint(self) -> str:
        """What differs where the same addresses may be other pages."""
        stated = {"form": FORM, "origins": list(self._preferred.items()), "previews": self._previews}
        text = json.dumps(stated | asdict(self._rules), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def page(self, url: str) -> Page:
        """Return the page at an address; raise InvalidPageError for anything but http(s).

        Its URL is the address, as canonical as `pages.canonical` makes it, on the preferred origin and without the
        parameters that do not count. What the other rules say shows in the id only, as a web server may answer at
        one of two addresses and not at the other.
        """
        return self._of(url)

    def _page(self, url: str) -> Page:
        parts = urlsplit(pages.canonical(url, keep_route=self._rules.fragment_routes))
        origin = f"{parts.scheme}://{parts.netloc}"
        query = "&".join(pair for pair in parts.query.split("&") if self._counts(pair))
        root = urlsplit(self._preferred_to(origin))
        address = urlunsplit((root.scheme, root.netloc, parts.path, query, parts.fragment))
        return Page(
            id=pages.id_of(self._site_id, self._identity(address)),
            site_id=self._site_id,
            url=address,
            form=self.form,
        )

    def _preferred_to(self, origin: str) -> str:
        found = self._preferred.get(origin)
        if found is None and self._first is not None and any(matches(one, origin) for one in self._previews):
            return self._first
        return found or origin

    def _counts(self, pair: str) -> bool:
        name = pages.parameter(pair)
        if ALL_PARAMETERS in self._ignored:
            return name in self._kept
        return name not in self._ignored

    def _identity(self, address: str) -> str:
        """Return what all addresses of a page share."""
        parts = urlsplit(pages.identity(address))
        return urlunsplit(
            (parts.scheme, parts.netloc, self._place(parts.path), parts.query, self._route(parts.fragment))
        )

    def _place(self, path: str) -> str:
        """Return a path without its index file, and without a slash at its end where that does not count."""
        while True:
            found = self._without_slash(path)
            folder, _, name = found.rpartition("/")
            if name not in self._index_files:
                return found or "/"
            path = f"{folder}/"
            if self._rules.trailing_slash is TrailingSlash.KEEP:
                return path

    def _route(self, fragment: str) -> str:
        """Return a route without a slash at its end where that does not count; the first route is the page."""
        path, mark, query = fragment.partition("?")
        found = self._without_slash(path)
        if not mark and found in ("", "!", "/", "!/"):
            return ""
        return f"{found}{mark}{query}"

    def _without_slash(self, path: str) -> str:
        return path if self._rules.trailing_slash is TrailingSlash.KEEP else path.rstrip("/")


def preferred(origins: Sequence[str], rule: OriginsAreOne) -> dict[str, str]:
    """Return for each origin the one that its pages are shown under: the first of those that are one with it."""
    found: dict[str, str] = {}
    first: dict[str, str] = {}
    for origin in origins:
        found[origin] = first.setdefault(_kind(origin, rule), origin)
    return found


def matches(pattern: str, origin: str) -> bool:
    """Tell whether an origin is one of a pattern's, in which `*` is the first label of the host, or the port."""
    return _is_within(_parts(pattern), _parts(origin))


def _is_within(pattern: tuple[str, str, str], parts: tuple[str, str, str]) -> bool:
    (scheme, host, port), (its_scheme, its_host, its_port) = pattern, parts
    if scheme != its_scheme or port not in ("*", its_port):
        return False
    if not host.startswith("*."):
        return host == its_host
    label, _, rest = its_host.partition(".")
    return bool(label) and rest == host[2:]


@lru_cache(_REMEMBERED)
def _parts(origin: str) -> tuple[str, str, str]:
    """Return scheme, host and port of an origin or a pattern; the port is empty for the scheme's own."""
    scheme, _, rest = origin.partition("://")
    host, _, port = rest.rpartition(":") if _has_port(rest) else (rest, "", "")
    return scheme, host, port


def _has_port(netloc: str) -> bool:
    return ":" in netloc.rpartition("]")[2]


def _kind(origin: str, rule: OriginsAreOne) -> str:
    if rule is OriginsAreOne.ALL:
        return ""
    if rule is OriginsAreOne.NONE:
        return origin
    _, host, port = _parts(origin)
    return f"{host.removeprefix('www.')}:{port}"


def _file_name(name: str) -> str:
    """Return a file's name as it stands in a page's identity."""
    return pages.identity(pages.path(pages.canonical(f"https://index.invalid/{name}"))).removeprefix("/")
