"""Which page of a site an address of another system means, by the site's own rules and what its owner says."""

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit, urlunsplit

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments import pages
from moderation_service.domain.comments.pages import InvalidPageError, Page
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.operations.import_spool import SpooledPage

_LOCAL = ("localhost", "127.", "[::1]", "0.0.0.0")  # noqa: S104 - names, nothing is bound
_SHORT = ("?p=", "?page_id=", "?attachment_id=")
_SCHEMES = ("http://", "https://")


class PageNotFoundError(Exception):
    """A page is none of the site's; the message is what the report counts, `address` what the file calls it."""

    def __init__(self, reason: str, address: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.address = address


class ImportedPages:
    """Finds pages of one site.

    `mapped` gives new addresses for old ones: an old one without a path stands for all pages of its host.
    `base` is where paths lie, and where pages of origins lie that no site lists.
    """

    def __init__(self, directory: Directory, site: Site, *, base: str | None, mapped: Mapping[str, str]) -> None:
        self._directory = directory
        self._site = site
        self._base = base
        self._mapped = {_spelled(old): new for old, new in mapped.items()}
        self._hosts = {urlsplit(pages.canonical(old)).netloc: new for old, new in mapped.items() if _is_host(old)}

    def page(self, found: SpooledPage) -> Page:
        """Return the page that is meant; raise PageNotFoundError."""
        address = found.url.strip()
        if found.left_out:
            raise PageNotFoundError(found.left_out, address)
        for named in (address, found.key):
            if (new := self._mapped.get(_spelled(named))) is not None:
                return self._on_site(new, address)
        known = self._site.wordpress_pages.get(found.post) if found.post else None
        if known is not None and (not address or any(one in address for one in _SHORT)):
            return self._on_site(known, address)
        if not found.is_told and not _is_address(address):
            raise PageNotFoundError("comments of pages that the file does not hold", address)
        return self._at(address)

    def _at(self, address: str) -> Page:
        if address.lower().startswith(_SCHEMES):
            return self._absolute(address)
        if address.startswith("//"):
            return self._absolute(f"https:{address}")
        if address.startswith(("/", "?")):
            return self._on_site(urljoin(self._root(), address), address)
        return self._by_name(address)

    def alias(self, old: str, new: str) -> tuple[Page, Page] | None:
        """Return an address that is to lead to a page, and that page; None where it does, or cannot."""
        try:
            target, alias = self._directory.page(self._site, new), self._directory.sites.page(self._site, old)
        except (InvalidPageError, ValueError):
            return None
        is_known = alias.id in self._directory.aliases or alias.id == target.id
        return None if is_known else (alias, target)

    def _by_name(self, name: str) -> Page:
        """Find a page that has a name only: below the base address, if one was given."""
        if not name:
            raise PageNotFoundError("comments of pages without an address", name)
        if self._base is None:
            raise PageNotFoundError("comments of pages that only have a name", name)
        return self._on_site(urljoin(f"{self._base.rstrip('/')}/", name.lstrip("/")), name)

    def _absolute(self, address: str) -> Page:
        try:
            canonical = pages.canonical(address)
        except InvalidPageError as error:
            raise PageNotFoundError("comments of pages with an address that is none", address) from error
        origin = pages.origin(canonical)
        host = urlsplit(canonical).netloc
        if host in self._hosts:
            return self._on_site(_moved(address, self._hosts[host]), address)
        if (listed := self._listed(origin)) is not None:
            return self._on_site(address if listed == origin else _moved(address, listed), address)
        owner = self._directory.sites.of_page(canonical)
        if owner is not None and owner.id != self._site.id:
            raise PageNotFoundError("comments of pages of another site", address)
        if owner is not None or host.startswith(_LOCAL) or ":" in host:
            raise PageNotFoundError("comments of test pages", address)
        if self._base is not None:
            return self._on_site(_moved(address, self._base), address)
        raise PageNotFoundError("comments of pages of origins that the site does not list", address)

    def _listed(self, origin: str) -> str | None:
        """Return the listed origin that an origin is, but for http or https and a leading `www.`."""
        scheme, _, host = origin.partition("://")
        bare = host.removeprefix("www.")
        others = (f"{one}://{name}" for one in ("https", "http") for name in (host, bare, f"www.{bare}"))
        return next((one for one in (f"{scheme}://{host}", *others) if one in self._site.origins), None)

    def _root(self) -> str:
        return self._base or f"{self._site.origins[0]}/"

    def _on_site(self, url: str, address: str) -> Page:
        try:
            return self._directory.page(self._site, url)
        except (InvalidPageError, ValueError) as error:
            raise PageNotFoundError("comments of pages with an address that is none", address) from error


def faults_of_map(directory: Directory, site: Site, mapped: Mapping[str, tuple[str, str]]) -> list[str]:
    """Return what is wrong with new addresses, each with its place: they have to be pages of the site."""
    faults = []
    for new, place in mapped.values():
        try:
            owner = directory.sites.of_page(pages.canonical(new))
        except InvalidPageError:
            faults.append(f"{place}{new} is not an http(s) address")
            continue
        if owner is None or owner.id != site.id:
            faults.append(f"{place}{new} is not on an origin that the site {site.id} lists")
    return faults


def _moved(address: str, to: str) -> str:
    """Return the same path and query at another origin."""
    there, here = urlsplit(to), urlsplit(address)
    return urlunsplit((there.scheme, there.netloc, here.path, here.query, here.fragment))


def _spelled(address: str) -> str:
    try:
        return pages.identity(pages.canonical(address))
    except (InvalidPageError, UnicodeError):
        return address.strip()


def _is_host(old: str) -> bool:
    try:
        parts = urlsplit(pages.canonical(old))
    except (InvalidPageError, UnicodeError):
        return False
    return not old.strip().endswith("/") and parts.path == "/" and not parts.query


def _is_address(text: str) -> bool:
    return text.lower().startswith(_SCHEMES) or text.startswith(("/", "?"))
