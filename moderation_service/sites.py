"""The sites file: read, checked as a whole, watched for changes."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from moderation_service.domain import addresses, pages
from moderation_service.domain.sites import Moderator, Site, Sites
from schemas.sites import SitesFile


class SitesFileError(Exception):
    """The sites file is faulty; `faults` names every fault with its place."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def load(path: Path) -> Sites:
    """Read the sites file; raise SitesFileError with all of its faults."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SitesFileError([f"cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SitesFileError([f"is no TOML: {error}"]) from error
    return parse(content)


def parse(content: Mapping[str, Any]) -> Sites:
    """Turn the file's tables into sites; raise SitesFileError with all faults."""
    faults: list[str] = []
    try:
        loaded = SitesFile().load(content)
    except ValidationError as error:
        faults += _named(error.messages)
        loaded = None
    faults += _bad_addresses(content)
    if faults or loaded is None:
        raise SitesFileError(faults)
    return Sites(_site(entry) for entry in loaded["site"])


def _site(entry: Mapping[str, Any]) -> Site:
    return Site(
        id=entry["id"],
        name=entry["name"],
        origins=frozenset(pages.origin(pages.canonical(origin)) for origin in entry["origins"]),
        language=entry["language"],
        timezone=entry["timezone"],
        api_keys=frozenset(key.removeprefix("sha256:") for key in entry["api_keys"]),
        moderators=tuple(
            Moderator(
                id=one["id"],
                name=one["name"],
                email=addresses.normalise(one["email"]),
                language=one["language"] or entry["language"],
                timezone=one["timezone"] or entry["timezone"],
                paths=tuple(one["paths"]),
            )
            for one in entry["moderator"]
        ),
    )


def _bad_addresses(content: Mapping[str, Any]) -> Iterator[str]:
    sites = content.get("site")
    for s, site in enumerate(sites if isinstance(sites, list) else []):
        moderators = site.get("moderator") if isinstance(site, dict) else None
        for m, moderator in enumerate(moderators if isinstance(moderators, list) else []):
            email = moderator.get("email") if isinstance(moderator, dict) else None
            if isinstance(email, str) and not _is_address(email):
                yield f"site[{s}].moderator[{m}].email: is no e-mail address"


def _is_address(text: str) -> bool:
    try:
        addresses.normalise(text)
    except addresses.InvalidAddressError:
        return False
    return True


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
