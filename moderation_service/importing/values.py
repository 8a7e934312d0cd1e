"""Values of other systems' rows, which write the same in many ways."""

from typing import Any

_YES = frozenset({"true", "1", "yes", "t"})


def text(value: Any) -> str:
    """Return a value as text: empty for none, numbers as they are written, `{"$oid": …}` as its text."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, dict):
        return text(next(iter(value.values()), None)) if len(value) == 1 else ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.strip() if isinstance(value, str) else str(value)


def body(value: Any) -> str:
    """Return a text as it is, empty for none."""
    return value if isinstance(value, str) else ""


def flag(value: Any) -> bool:
    """Tell whether a value says yes: true, 1, or either as text."""
    return text(value).lower() in _YES if not isinstance(value, bool) else value


def rows(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; nothing of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def inner(value: Any) -> dict[str, Any]:
    """Return an object, empty for anything else."""
    return value if isinstance(value, dict) else {}


def pick(row: dict[str, Any], *names: str) -> Any:
    """Return the first value that a row has of some names, whatever their case, None without any."""
    for name in names:
        if row.get(name) is not None:
            return row[name]
    lower = {key.lower(): value for key, value in row.items()}
    return next((lower[one.lower()] for one in names if lower.get(one.lower()) is not None), None)
