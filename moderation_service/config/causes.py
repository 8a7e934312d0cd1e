"""Why a file, folder or port cannot be used, in words by which an operator can mend it."""

import os
import pwd
import re
from pathlib import Path

_SQLITE = "sqlite:///"
_NUMBER = re.compile(r"\[Errno (\d+)\]")


def why(error: OSError) -> str:
    """Return the system's reason; where it is a matter of permission, with the user who lacks it."""
    number = error.errno or _first_number(error)
    reason = os.strerror(number) if number > 0 else error.strerror or "the system gives no reason"
    return f"{reason} for user {user()}" if isinstance(error, PermissionError) else reason


def _first_number(error: OSError) -> int:
    """Return what the system called the first of several failures, as asyncio tells of them; 0 for none."""
    found = _NUMBER.search(str(error))
    return int(found[1]) if found else 0


def user() -> str:
    """Return the user of this process, by name and number."""
    number = os.geteuid()
    try:
        return f"{pwd.getpwuid(number).pw_name} ({number})"
    except KeyError:
        return str(number)


def forbidden(url: str) -> str | None:
    """Say which of a SQLite database's files and folders this user may not read and write, if any."""
    if not url.startswith(_SQLITE):
        return None
    path = Path(url.removeprefix(_SQLITE))
    folder = next(one for one in path.absolute().parents if os.path.exists(one))  # noqa: PTH110 - that of pathlib raises where it may not look
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        return f"user {user()} may not write in the folder {folder}"
    for end in ("", "-wal", "-shm", ".writers"):
        file = path.with_name(path.name + end)
        if file.exists() and not os.access(file, os.R_OK | os.W_OK, effective_ids=True):
            return f"user {user()} may not read and write {file}"
    return None
