"""The comments of a page as they stand on it, each by filling a pattern: they are most of the page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from markupsafe import escape

from moderation_service import locales
from moderation_service.domain.comments.threads import Conversation, Placed
from moderation_service.templating import when
from moderation_service.templating.patterns import Pattern, gap
from moderation_service.web.http import templates

_TEMPLATE = "article.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose page the comments stand on, and where their links lead.

    A comment's id is put behind `around` for a link to it, and behind `answering` for one to answer it, which is
    empty where none may be answered; in a link to report it, it stands between the halves of `reporting`. `rest`
    returns a link to what is left of a thread, and how it is called.
    """

    language: str
    timezone: str
    around: str
    answering: str
    reporting: tuple[str, str]
    rest: Callable[[Conversation], tuple[str, str]]


def written(conversations: Sequence[Conversation], place: Place) -> str:
    """Return conversations as markup."""
    on_all = {"around": escape(place.around), "answering": escape(place.answering)}
    on_all["report"], on_all["report_in"] = (escape(one) for one in place.reporting)
    locale = locales.locale(place.language)
    patterns: dict[_Shape, Pattern] = {}
    parts: list[str] = []
    for conversation in conversations:
        parts += [_article(one, place, locale, on_all, patterns) for one in conversation.placed]
        if conversation.left:
            href, text = place.rest(conversation)
            parts.append(_more_replies(place.language).fill({"href": escape(href), "text": escape(text)}))
    return "".join(parts)


class _Shape(NamedTuple):
    """What decides how a comment is written around its texts."""

    has_url: bool
    by_site: bool
    is_answer: bool
    has_parent: bool
    is_redacted: bool


def _article(
    placed: Placed, place: Place, locale: str, on_all: Mapping[str, str], patterns: dict[_Shape, Pattern]
) -> str:
    """Return one comment; its id, its moment and the markup of its text are ours, and all else is escaped.

    `patterns` are those that were met on its page.
    """
    comment, depth, parent = placed
    author_url = comment.author_url or ""
    values = {
        **on_all,
        "id": comment.id,
        "depth": str(depth),
        "author_name": escape(comment.author_name),
        "author_url": author_url and escape(author_url),
        "at": comment.created_at.isoformat(),
        "when": when(locale, comment.created_at, place.timezone),
        "text": comment.body_html,
    }
    if parent is not None:
        values["parent_id"] = parent.id
        values["parent_name"] = escape(parent.author_name)
    shape = _Shape(
        author_url != "", comment.by_site, comment.parent_id is not None, parent is not None, comment.redacted
    )
    pattern = patterns.get(shape)
    if pattern is None:
        pattern = patterns[shape] = _pattern(place.language, shape, may_be_answered=place.answering != "")
    return pattern.fill(values)


@cache
def _pattern(language: str, shape: _Shape, *, may_be_answered: bool) -> Pattern:
    """Return how a comment of this shape is written; there are few shapes and languages, so all are kept."""
    return templates.pattern(
        _TEMPLATE,
        "article",
        language,
        id=gap("id"),
        depth=gap("depth"),
        author_name=gap("author_name"),
        author_url=gap("author_url") if shape.has_url else None,
        by_site=shape.by_site,
        around=gap("around"),
        at=gap("at"),
        when=gap("when"),
        is_answer=shape.is_answer,
        parent_id=gap("parent_id") if shape.has_parent else None,
        parent_name=gap("parent_name"),
        text=gap("text"),
        is_redacted=shape.is_redacted,
        answering=gap("answering") if may_be_answered else None,
        report=gap("report"),
        report_in=gap("report_in"),
    )


@cache
def _more_replies(language: str) -> Pattern:
    return templates.pattern(_TEMPLATE, "more_replies", language, href=gap("href"), text=gap("text"))
