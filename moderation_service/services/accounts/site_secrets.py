"""The files that the sites file names for secrets."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from moderation_service.config import causes
from moderation_service.domain.accounts.sites import HookKind
from moderation_service.push import services
from schemas.sites import is_webhook_secret


def take(loaded: Mapping[str, Any]) -> Iterator[str]:
    """Read the files that loaded entries name, put into the entries what they hold, and yield what is wrong."""
    yield from _of_webhooks(loaded)
    yield from _of_outside_checks(loaded)
    yield from _of_push(loaded)


def _of_webhooks(loaded: Mapping[str, Any]) -> Iterator[str]:
    """Read the files that hold the secrets of webhooks, and name those that hold none."""
    for s, site in enumerate(loaded.get("site", ())):
        for w, webhook in enumerate(site["webhook"]):
            for path in webhook["secret_file"]:
                place = f"site[{s}].webhook[{w}].secret_file"
                try:
                    secret = _secret_in(path)
                except OSError as error:
                    yield f"{place}: {path} cannot be read: {causes.why(error)}"
                    continue
                if is_webhook_secret(secret):
                    webhook["secret"].append(secret)
                else:
                    yield f"{place}: {path} must hold whsec_ and 24 to 64 random bytes in base64"


def _secret_in(path: str) -> str:
    """Return what a file holds, empty where that is no text; raise OSError where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        return ""


def _of_outside_checks(loaded: Mapping[str, Any]) -> Iterator[str]:
    """Read the files that hold the secrets of outside checks, and name what cannot be a secret."""
    for s, site in enumerate(loaded.get("site", ())):
        for service, name in (("akismet", "key"), ("hook", "secret")):
            entry = site["screening"][service]
            if entry is None:
                continue
            place = f"site[{s}].screening.{service}.{name}"
            if (path := entry[f"{name}_file"]) is not None:
                try:
                    entry[name] = _secret_in(path)
                except OSError as error:
                    yield f"{place}_file: {path} cannot be read: {causes.why(error)}"
                    continue
            if entry.get("kind") == HookKind.SIGNED and not is_webhook_secret(entry[name]):
                yield f"{place}: must be whsec_ and 24 to 64 random bytes in base64"
            elif entry[name] == "":
                yield f"{place}_file: {path} is empty"


def _of_push(loaded: Mapping[str, Any]) -> Iterator[str]:
    """Read the files that hold URLs for push, one a line; name by their places those that Apprise cannot use."""
    for s, site in enumerate(loaded.get("site", ())):
        for m, moderator in enumerate(site["moderator"]):
            place = f"site[{s}].moderator[{m}].push"
            path = moderator["push_file"]
            if path is not None:
                try:
                    lines = [line.strip() for line in _secret_in(path).splitlines()]
                except OSError as error:
                    yield f"{place}_file: {path} cannot be read: {causes.why(error)}"
                    continue
                moderator["push"] = [line for line in lines if line and not line.startswith("#")]
                if not moderator["push"]:
                    yield f"{place}_file: {path} holds no URL"
            for number, url in enumerate(moderator["push"]):
                fault = services.fault_of(url)
                if fault is not None:
                    yield f"{place}{f'[{number}]' if path is None else f'_file: URL {number + 1}'}: {fault}"
