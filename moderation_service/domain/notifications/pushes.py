"""Push: where it goes, and what those places are called without saying their URLs."""

import hashlib
import re
from enum import StrEnum

PUSH = "push"
"""The kind of delivery that goes to a service of push."""

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]{0,29})://")


class PushState(StrEnum):
    """Where the push of one notification stands; what has none is told by mail alone."""

    WAITING = "waiting"
    MADE = "made"
    """It is in a delivery, which says what became of it."""

    SUPERSEDED = "superseded"
    """Decided or edited before; waits again if that is undone."""


def scheme(url: str) -> str:
    """Return what a URL begins with, which names the service; nothing where it is no URL."""
    found = _SCHEME.match(url)
    return "" if found is None else found[1].lower()


def recipient(person_id: str, url: str) -> str:
    """Return the name by which deliveries go to a person at a URL."""
    return f"{person_id}/{scheme(url)}/{hashlib.sha256(url.encode()).hexdigest()[:16]}"
