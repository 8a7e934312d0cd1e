"""The sites file: read, checked as a whole, watched for changes."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from moderation_service.config import causes
from moderation_service.domain.accounts.sites import (
    Sites,
)
from moderation_service.domain.screening.rules import Rule
from moderation_service.services.accounts import site_entries, site_secrets, sites_file_faults
from schemas.sites import RulesFile as RulesFileSchema
from schemas.sites import SitesFile as SitesFileSchema


class SitesFileError(Exception):
    """The sites file is faulty; `faults` names every fault with its place."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


Stamp = tuple[int, int, int]
"""By what a changed file differs from the one before: time of its change, size and inode."""


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
    return parse(_read(path), local_addresses=local_addresses)


def load_rules(path: Path) -> dict[str, tuple[Rule, ...]]:
    """Read a file's rules by site; all else of it may be missing. Raises SitesFileError with all faults."""
    content = _read(path)
    faults = [*sites_file_faults.of_rules(content)]
    try:
        loaded = RulesFileSchema().load(content)
    except ValidationError as error:
        raise SitesFileError([*sites_file_faults.named(error.messages), *faults]) from error
    if faults:
        raise SitesFileError(faults)
    return {entry["id"]: site_entries.rules_of(entry["rule"]) for entry in loaded["site"]}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SitesFileError([f"{path} cannot be read: {causes.why(error)}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SitesFileError([f"is not valid TOML: {error}"]) from error


def parse(content: Mapping[str, Any], *, local_addresses: bool = False) -> Sites:
    """Turn the file's tables into sites; raise SitesFileError with all faults."""
    faults: list[str] = []
    try:
        loaded = SitesFileSchema().load(content)
    except ValidationError as error:
        faults += sites_file_faults.named(error.messages)
        loaded = None
    faults += sites_file_faults.of_content(content, local_addresses=local_addresses)
    faults += sites_file_faults.of_loaded(loaded or {})
    faults += site_secrets.take(loaded or {})
    if faults or loaded is None:
        raise SitesFileError(faults)
    return Sites(site_entries.site(entry) for entry in loaded["site"])
