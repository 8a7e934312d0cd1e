"""What our own export says of a comment's past: its history, an edit that waits, what a redaction took out."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from moderation_service.domain.comments import markup
from moderation_service.domain.comments.comment import Original, Revision
from moderation_service.domain.comments.markup import Rendering
from moderation_service.domain.importing import texts
from moderation_service.domain.screening.assessment import HARMLESS


def history(
    comment_id: str, own: Mapping[str, Any], stored_as: Callable[[str], str | None]
) -> Iterator[dict[str, Any]]:
    """Return the rows of a history; `stored_as` says which id an answer of the same file has now."""
    for number, entry in enumerate(own.get("history", ()), start=1):
        yield {
            "comment_id": comment_id,
            "number": number,
            "revision": entry["revision"],
            "decision": entry["decision"],
            "from_status": entry["from"],
            "to_status": entry["to"],
            "means": entry["means"],
            "moderator_id": entry.get("moderator_id"),
            "actor_name": entry.get("name"),
            "reason": entry.get("reason"),
            "rule": entry.get("rule"),
            "note": entry.get("note"),
            "at": _moment(entry["at"]),
            "answer_id": _answer(comment_id, own["id"], entry.get("answer_id"), stored_as),
            "redacted_as": entry.get("redacted_as"),
        }


def _answer(
    comment_id: str, former_id: str, answer_id: str | None, stored_as: Callable[[str], str | None]
) -> str | None:
    """Return under which id an answer is stored; one that the file lacks, as it was erased, keeps its former one.

    Where comments got other ids, the former one may be that of a comment of another site, and is left out.
    """
    if answer_id is None:
        return None
    if answer_id == former_id:
        return comment_id
    return stored_as(answer_id) or (answer_id if comment_id == former_id else None)


def author_changes(comment_id: str, own: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the rows of what the author did with it."""
    for entry in own.get("author_changes", ()):
        yield {
            "comment_id": comment_id,
            "revision": entry["revision"],
            "action": entry["action"],
            "of_published": entry.get("of_published", False),
            "at": _moment(entry["at"]),
        }


def edit(comment_id: str, own: Mapping[str, Any]) -> tuple[int, Revision] | None:
    """Return the edit of a published comment that waited where the file comes from, and its number."""
    found = own.get("edit")
    if found is None:
        return None
    body = texts.cut(found["body"])
    rendering = markup.rendering(body)
    return found["revision"], Revision(
        comment_id=comment_id,
        post_id=comment_id,
        body=body,
        body_html=rendering.html,
        renderer=rendering.renderer,
        at=_moment(found["at"]),
        recipients=(),
        assessment=HARMLESS,
        traces=None,
        is_redacted=found.get("redacted") is True,
    )


def original(own: Mapping[str, Any]) -> tuple[Original, Rendering] | None:
    """Return what the author of a shortened comment wrote, where the file comes from."""
    found = own.get("original")
    if found is None or own.get("redacted") is not True:
        return None
    body = texts.cut(found["body"])
    original = Original(
        revision=found["revision"], body=body, at=_moment(found["at"]), redacted_at=_moment(found["redacted_at"])
    )
    return original, markup.rendering(body)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
