"""Texts of other systems as our Markdown; what it cannot say is counted, and its words are kept.

Other Markdown that is not plainly ours as well is rendered first, as its own system would, so that one converter,
from HTML, decides about all of it.
"""

import re
from collections import Counter
from functools import cache
from typing import NamedTuple

from markdown_it import MarkdownIt

from moderation_service.domain.importing import markdown_writer, texts
from moderation_service.domain.importing.records import Dialect

_LONGEST = 1_000_000
"""Characters of a text that is looked at as markup at all."""
_ENTITY_LIKE = re.compile(r"[<&]")
_MARKDOWN_OF_OTHERS = re.compile(
    r"<[A-Za-z/!]|!\[|~~|^ {0,3}#{1,6}\s|^ {0,3}(?:=+|-{2,}|\*{3,}|_{3,})\s*$|^ {0,3}\|?[ :-]+\|", re.MULTILINE
)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_LOOKS_LIKE_HTML = re.compile(
    r"</?(?:p|br|div|span|a|b|i|em|strong|code|pre|ul|ol|li|blockquote|img)\b[^>]*>", re.IGNORECASE
)


class Converted(NamedTuple):
    """A text in our Markdown, and what it lost."""

    body: str
    losses: Counter[str]


def convert(text: str, dialect: Dialect) -> Converted:
    """Return a text as our Markdown, trimmed; it may be empty."""
    text = texts.lines(text)
    losses: Counter[str] = Counter()
    if dialect is Dialect.OURS:
        return Converted(text.strip("\n").rstrip(), losses)
    if len(text) > _LONGEST:
        losses["markup of a very long text"] += 1
        dialect = Dialect.PLAIN
    if dialect is Dialect.MARKDOWN:
        if not _MARKDOWN_OF_OTHERS.search(text):
            return Converted(text.strip(), losses)
        rendered = _markdown().render(text)
        return Converted(markdown_writer.from_html(rendered, losses, keeps_lines=False), losses)
    if dialect is Dialect.PLAIN or not _ENTITY_LIKE.search(text):
        keeps_lines = dialect is not Dialect.HTML
        plain = text if keeps_lines else _SPACES.sub(" ", text)
        return Converted(markdown_writer.plain(plain), losses)
    return Converted(markdown_writer.from_html(text, losses, keeps_lines=dialect is Dialect.HTML_LINES), losses)


def looks_like_html(text: str) -> bool:
    """Tell whether a text of a system that keeps both is HTML rather than Markdown."""
    return _LOOKS_LIKE_HTML.search(text) is not None


@cache
def _markdown() -> MarkdownIt:
    options = {"html": True, "breaks": True, "linkify": False, "maxNesting": markdown_writer.DEEPEST}
    parser = MarkdownIt("commonmark", options)
    return parser.enable(["table", "strikethrough"])
