"""Lists that end before their texts take up too much: sizes are looked at first, texts only of what has room."""

from typing import Any

from sqlalchemy import CTE, BigInteger, ColumnElement, Subquery, bindparam, func, select

from moderation_service.storage.engine.json_rows import byte_length
from moderation_service.storage.schema import comments

_TEXTS = (comments.c.author_name, comments.c.author_url, comments.c.body, comments.c.body_html)
_BESIDE_TEXTS = 200


def size() -> ColumnElement[int]:
    """Return about how many bytes a comment takes up in an answer."""
    total: ColumnElement[int] = func.coalesce(byte_length(_TEXTS[0]), 0) + _BESIDE_TEXTS
    for text in _TEXTS[1:]:
        total += func.coalesce(byte_length(text), 0)
    return total


def within(sized: CTE, *order: ColumnElement[Any]) -> Subquery:
    """Return the ids of those rows of `sized`, with an `id` and a `size`, that stand before `largest` bytes.

    The first one always does.
    """
    before = func.sum(sized.c.size).over(order_by=order) - sized.c.size
    running = select(sized.c.id, before.label("before")).subquery("running")
    return (
        select(running.c.id).where(running.c.before < bindparam("largest", type_=BigInteger())).subquery("shown")
    )
