"""Checking data against a schema, with faults in the domain's words."""

from collections.abc import Collection, Mapping
from typing import Any

from marshmallow import Schema, ValidationError

from moderation_service.domain.errors import FieldsInvalidError
from schemas.base import Fault


def load(schema: Schema, data: Any, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return what a schema makes of data; raise FieldsInvalidError with the code of every fault.

    Required fields in `without` may be missing.
    """
    try:
        loaded: dict[str, Any] = schema.load(data, partial=tuple(without) or None)
    except ValidationError as error:
        raise FieldsInvalidError(
            _flat({"_schema": error.messages} if isinstance(error.messages, list) else error.messages)
        ) from error
    return loaded


def _flat(messages: Mapping[Any, Any], prefix: str = "") -> dict[str, list[str]]:
    """Flatten marshmallow's nested messages to `decisions.3.id`; faults of a whole body are under `body`."""
    flat: dict[str, list[str]] = {}
    for key, inner in messages.items():
        name = prefix if key == "_schema" else f"{prefix}.{key}".removeprefix(".")
        if isinstance(inner, dict):
            flat |= _flat(inner, name)
        else:
            flat[name or "body"] = [one if isinstance(one, Fault) else Fault(one) for one in inner]
    return flat
