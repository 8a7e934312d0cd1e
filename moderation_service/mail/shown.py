"""A comment as a mail shows it: nothing that its author wrote leads anywhere or passes for a part of the mail."""

import re
import unicodedata
from dataclasses import dataclass, replace
from html import escape

from moderation_service.domain import markup, notices, plain_text
from moderation_service.domain.comments import QueuedComment
from moderation_service.domain.notices import Notice
from moderation_service.templating import isolate

_IN_CARD = 500
_IN_HEADING = 60
_IN_PREVIEW = 120
_OF_PARENT = 200
_HTML_OF_A_CHARACTER = 20
_KEPT_CONTROLS = "\n\t"
_WORD_JOINER = "\u2060"
_LINKED_AT = re.compile(r"(?<=\S)(?=[@\uff20])|(?<=[:\uff1a])(?=//)|(?<=[^\s.][.\uff0e])(?=[^\W\d_])")
_TEXT_OR_TAG = re.compile(r"[^<]+|<[^>]*>")
_PREFORMATTED = re.compile(r"<pre>(.*?)</pre>", re.DOTALL)
_NAME_PUNCTUATION = frozenset(" '’.-‐·,…")
_OF_NAMES = frozenset({"Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Mn", "Cf"})
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»", '"'))


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Whom and what a comment is about, ready to stand in a sentence of ours."""

    author: str
    page: str
    answered: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """What a comment answers, shortened."""

    author: str
    words: str
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One comment in a message as it is shown, with its moderator's own links."""

    notice: Notice
    named: Named
    heading: Named
    author: str
    page: str
    masked_address: str
    author_url: str | None
    parent: Parent | None
    text: str
    is_text_shortened: bool
    html: str
    is_shortened: bool
    direction: str
    preview: str
    approve_url: str
    reject_url: str
    spam_url: str

    @property
    def is_reply(self) -> bool:
        """Whether it answers another comment, which may be gone."""
        return self.notice.comment.parent_id is not None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it looks suspicious, as codes."""
        return self.notice.comment.spam_reasons

    def cut(self, limit: int) -> "Item":
        """Return it with at most so many characters of its text in the HTML."""
        return replace(self, html=_paragraphs(_beginning(self.notice.comment, limit)[0]), is_shortened=True)


def item(notice: Notice, link: str, *, in_full: bool) -> Item:
    """Return a comment as it is shown; `link` is the address below which its moderator decides."""
    comment = notice.comment
    text, is_whole = (_words(comment), True) if in_full else _beginning(comment, notices.IN_DIGEST)
    named = _named(notice)
    return Item(
        notice=notice,
        named=named,
        heading=Named(
            author=unlinked(named.author),
            page=unlinked(named.page),
            answered=named.answered and unlinked(named.answered),
        ),
        author=unlinked(_name(comment.author_name, _IN_CARD)),
        page=unlinked(_title(notice, _IN_CARD)),
        masked_address=notice.masked_address,
        author_url=comment.author_url and unlinked(_line(comment.author_url, _IN_CARD)),
        parent=_parent(notice),
        text=unlinked(text),
        is_text_shortened=not is_whole,
        html=_rendered(comment.body_html) if is_whole and comment.body_html else _paragraphs(text),
        is_shortened=not is_whole,
        direction=direction(text),
        preview=unlinked(_line(text[: notices.IN_DIGEST], _IN_PREVIEW)),
        approve_url=f"{link}/approve",
        reject_url=f"{link}/reject",
        spam_url=f"{link}/spam",
    )


def _named(notice: Notice) -> Named:
    """Return the names around a comment for a subject or a heading."""
    answered = notice.parent and _name(notice.parent.author_name, _IN_HEADING)
    return Named(
        author=_name(notice.comment.author_name, _IN_HEADING),
        page=_title(notice, _IN_HEADING),
        answered=answered or None,
    )


def unlinked(text: str) -> str:
    """Put what nobody sees where mail programs look for an address of the web or of mail to make a link of it."""
    return _LINKED_AT.sub(_WORD_JOINER, text)


def direction(text: str) -> str:
    """Return `rtl` for a text that begins from right to left, else `ltr`, as HTML's `auto` would."""
    for one in text:
        kind = unicodedata.bidirectional(one)
        if kind in {"L", "R", "AL"}:
            return "ltr" if kind == "L" else "rtl"
    return "ltr"


def _parent(notice: Notice) -> Parent | None:
    if notice.parent is None:
        return None
    words = _line(_beginning(notice.parent, _OF_PARENT)[0], _OF_PARENT)
    return Parent(
        author=unlinked(_name(notice.parent.author_name, _IN_HEADING)),
        words=unlinked(words),
        direction=direction(words),
    )


def _name(text: str, limit: int) -> str:
    """Return a name; in quotes unless it is made of letters as names are, so that it says nothing in our voice."""
    shown = _line(text, limit)
    if all(one in _NAME_PUNCTUATION or unicodedata.category(one) in _OF_NAMES for one in shown):
        return isolate(shown)
    return isolate(f"“{shown.translate(_QUOTES)}”")


def _title(notice: Notice, limit: int) -> str:
    """Return a page's title, to stand in quotes."""
    return isolate(_line(notice.comment.page_title or notice.comment.page_url, limit).translate(_QUOTES))


def _line(text: str, limit: int) -> str:
    return plain_text.shortened(" ".join(_printable(text).split()), limit)


def _words(comment: QueuedComment) -> str:
    return _printable(plain_text.words(comment.body_html) or comment.body)


def _beginning(comment: QueuedComment, limit: int) -> tuple[str, bool]:
    """Return at most so many characters of a comment's words, and whether they are all of them."""
    read = comment.body_html[: limit * _HTML_OF_A_CHARACTER]
    words = _printable(plain_text.words(read) or comment.body)
    text = plain_text.shortened(words, limit)
    return text, text == words and read == comment.body_html


def _rendered(body_html: str) -> str:
    """Return a comment's own HTML with nothing to click, and with what mail programs show of preformatted text."""
    safe = _PREFORMATTED.sub(_as_paragraph, markup.with_links_as_text(_printable(body_html)))
    return "".join(one if one.startswith("<") else unlinked(one) for one in _TEXT_OR_TAG.findall(safe))


def _as_paragraph(found: re.Match[str]) -> str:
    lines = found[1].replace("\n</code>", "</code>").replace("  ", "&nbsp; ").replace("\n", "<br>\n")
    return f"<p>{lines}</p>"


def _paragraphs(text: str) -> str:
    lines = escape(unlinked(text)).split("\n")
    return f"<p>{'<br>'.join(lines)}</p>"


def _printable(text: str) -> str:
    """Leave out control characters: they mean nothing in HTML and give orders to a terminal."""
    if text.isprintable():
        return text
    return "".join(one for one in text if one in _KEPT_CONTROLS or unicodedata.category(one) != "Cc")
