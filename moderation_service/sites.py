"""The sites file: read, checked as a whole, watched for changes."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from moderation_service import locales
from moderation_service.domain import addresses, pages
from moderation_service.domain.addresses import InvalidAddressError
from moderation_service.domain.pages import InvalidPageError
from moderation_service.domain.sites import Moderator, Screening, Site, Sites
from schemas.base import is_http_url
from schemas.sites import SitesFile as SitesFileSchema
from schemas.sites import is_language


class SitesFileError(Exception):
    """The sites file is faulty; `faults` names every fault with its place."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


Stamp = tuple[int, int, int]
"""By what a changed file is told from the one before: time of its change, size and inode."""


class SitesFile:
    """The sites file on disk, and the state in which it was read last.

    A file is replaced in one step by careful editors and written bit by bit by others, and the first half of it
    may be valid by itself. So a change counts once the file has looked the same twice.
    """

    def __init__(self, path: Path, *, local_addresses: bool = False) -> None:
        self._path = path
        self._local_addresses = local_addresses
        self._read: Stamp | None = None
        self._looked: Stamp | None = None

    def load(self) -> Sites:
        """Read the sites; raise SitesFileError with all faults of the file."""
        self._read = self._stamp()
        return load(self._path, local_addresses=self._local_addresses)

    def has_changed(self) -> bool:
        """Look at the file, and tell whether it is another one than was read and no longer being written."""
        before, self._looked = self._looked, self._stamp()
        return self._looked == before and self._looked != self._read

    def _stamp(self) -> Stamp | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def load(path: Path, *, local_addresses: bool = False) -> Sites:
    """Read the sites file; raise SitesFileError with all of its faults.

    With `local_addresses` moderators may have addresses without a public domain.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SitesFileError([f"cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SitesFileError([f"is not valid TOML: {error}"]) from error
    return parse(content, local_addresses=local_addresses)


def parse(content: Mapping[str, Any], *, local_addresses: bool = False) -> Sites:
    """Turn the file's tables into sites; raise SitesFileError with all faults."""
    faults: list[str] = []
    try:
        loaded = SitesFileSchema().load(content)
    except ValidationError as error:
        faults += _named(error.messages)
        loaded = None
    faults += _bad_addresses(content, local_addresses=local_addresses)
    faults += [*_bad_origins(content), *_shared_keys(content), *_unspoken(content)]
    if faults or loaded is None:
        raise SitesFileError(faults)
    return Sites(_site(entry) for entry in loaded["site"])


def _site(entry: Mapping[str, Any]) -> Site:
    language = locales.tag(entry["language"]) or locales.SOURCE
    return Site(
        id=entry["id"],
        name=entry["name"],
        origins=frozenset(pages.origin(pages.canonical(origin)) for origin in entry["origins"]),
        language=language,
        timezone=entry["timezone"],
        reply_to=entry["reply_to"] and addresses.normalise(entry["reply_to"], local=True),
        screening=_screening(entry["screening"]),
        api_keys=frozenset(key.removeprefix("sha256:") for key in entry["api_keys"]),
        moderators=tuple(
            Moderator(
                id=one["id"],
                name=one["name"],
                email=addresses.normalise(one["email"], local=True),
                language=locales.tag(one["language"] or language) or locales.SOURCE,
                timezone=one["timezone"] or entry["timezone"],
                paths=tuple(one["paths"]),
            )
            for one in entry["moderator"]
        ),
    )


def _screening(entry: Mapping[str, Any]) -> Screening:
    return Screening(
        posts_per_network=entry["posts_per_network"],
        window=timedelta(minutes=entry["window_minutes"]),
        exempt_networks=tuple(ip_network(one) for one in entry["exempt_networks"]),
        waiting_at_most=entry["waiting_at_most"],
    )


def _bad_addresses(content: Mapping[str, Any], *, local_addresses: bool) -> Iterator[str]:
    for s, site in _tables(content, "site"):
        reply_to = site.get("reply_to")
        yield from _bad_address(f"site[{s}].reply_to", reply_to, local_addresses=local_addresses)
        if isinstance(reply_to, str) and not reply_to.rpartition("@")[0].isascii():
            yield f"site[{s}].reply_to: {reply_to!r} has letters before the @ that not every mail server takes"
        for m, moderator in _tables(site, "moderator"):
            place = f"site[{s}].moderator[{m}].email"
            yield from _bad_address(place, moderator.get("email"), local_addresses=local_addresses)


def _bad_address(place: str, email: object, *, local_addresses: bool) -> Iterator[str]:
    if not isinstance(email, str):
        return
    try:
        address = addresses.normalise(email, local=True)
    except InvalidAddressError:
        yield f"{place}: is not an e-mail address: {email!r}"
        return
    if not local_addresses and not addresses.has_public_domain(address):
        yield f"{place}: has no public domain: {email!r}; MODERATION_LOCAL_ADDRESSES=on allows it"


def _bad_origins(content: Mapping[str, Any]) -> Iterator[str]:
    """Name origins that can be no page's, and those that two spellings list twice."""
    seen: dict[str, str] = {}
    for place, origin in _texts(content, "origins"):
        if not is_http_url(origin):
            continue
        try:
            canonical = pages.origin(pages.canonical(origin))
        except InvalidPageError:
            yield f"{place}: has a host that is no name"
            continue
        first = seen.setdefault(canonical, place)
        if first != place:
            yield f"{place}: {origin!r} is listed twice, first as {first}"


def _shared_keys(content: Mapping[str, Any]) -> Iterator[str]:
    """Name bearer keys that would open more than one site."""
    seen: dict[str, str] = {}
    for place, key in _texts(content, "api_keys"):
        first = seen.setdefault(key, place)
        if first != place:
            yield f"{place}: is listed twice, first as {first}"


def _unspoken(content: Mapping[str, Any]) -> Iterator[str]:
    """Name languages that nobody would be spoken to in: there are no words for them here."""
    for s, site in _tables(content, "site"):
        entries = [(f"site[{s}]", site)]
        entries += [(f"site[{s}].moderator[{m}]", one) for m, one in _tables(site, "moderator")]
        for place, entry in entries:
            language = entry.get("language")
            if isinstance(language, str) and is_language(language.strip()) and not locales.tag(language.strip()):
                spoken = ", ".join(locales.LANGUAGES)
                yield f"{place}.language: {language!r} is not spoken here; there are {spoken} and regional forms"


def _tables(content: Mapping[str, Any], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield those entries of a list that are tables, whatever else is wrong around them."""
    entries = content.get(name)
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            yield number, entry


def _texts(content: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """Yield place and text of all sites' entries of one list."""
    for s, site in _tables(content, "site"):
        entries = site.get(name)
        for number, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entry, str):
                yield f"site[{s}].{name}[{number}]", entry.strip()


_WORDS = {
    "too_long": "is too long",
    "control_character": "holds a control character",
    "invalid_url": "is no http(s) URL",
    "required": "is missing",
}


def _named(messages: Any, place: str = "") -> Iterator[str]:
    """Spell out marshmallow's nested messages as `site[0].origins[1]: what is wrong`."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = f"[{name}]" if isinstance(name, int) else f".{name}" if place else str(name)
            yield from _named(inner, place if name == "_schema" else f"{place}{step}")
    else:
        for message in messages:
            yield f"{place}: {_WORDS.get(message, message)}".removeprefix(": ")
