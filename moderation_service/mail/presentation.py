"""A comment as a mail shows it: nothing that its author wrote leads anywhere or passes for a part of the mail."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from moderation_service import locales
from moderation_service.domain.comments import difference, markup, plain_text
from moderation_service.domain.comments.comment import QueuedComment
from moderation_service.domain.comments.difference import Kind, Piece
from moderation_service.domain.notifications.message import IN_DIGEST, Notification
from moderation_service.domain.screening.assessment import Reason
from moderation_service.templating import isolate

_IN_CARD = 500
_IN_HEADING = 60
_IN_PREVIEW = 120
_OF_PARENT = 200
_IN_NOTICE = 500
_OF_EXPLANATION = 300
_OF_OBJECTION = 2_000
_MOST_EXPLANATIONS = 5
_HTML_OF_A_CHARACTER = 20
_KEPT_CONTROLS = "\n\t"
_WORD_JOINER = "\u2060"
_LINKED_AT = re.compile(r"(?<=\S)(?=[@\uff20])|(?<=[:\uff1a])(?=//)|(?<=[^\s.][.\uff0e])(?=[^\W\d_])")
_TEXT_OR_TAG = re.compile(r"[^<]+|<[^>]*>")
_PREFORMATTED = re.compile(r"<pre>(.*?)</pre>", re.DOTALL)
_NAME_PUNCTUATION = frozenset(" '’.-‐·,…")
_OF_NAMES = frozenset({"Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Mn", "Cf"})
_SIGNS = {Kind.KEPT: "", Kind.REMOVED: "− ", Kind.ADDED: "+ "}
_TAGS = {
    Kind.KEPT: "{}",
    Kind.REMOVED: '<del class="w" style="color:#a3134f;text-decoration:line-through">{}</del>',
    Kind.ADDED: '<ins class="i" style="color:#17703c;text-decoration:underline">{}</ins>',
}
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»", '"'))


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Whom and what a comment is about, ready to stand in a sentence of ours."""

    author: str
    page: str
    answered: str | None
    reports: int = 0
    """How many readers reported it; it is published where that is not 0."""
    is_objected: bool = False
    """Whether its author objects to its rejection."""
    is_edited: bool = False
    """Whether an edit of it waits: it is published then, and all else is about the edit."""

    @property
    def is_reported(self) -> bool:
        """Whether it waits because readers reported it."""
        return self.reports > 0 and not self.is_edited


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """What a comment answers, shortened."""

    author: str
    words: str
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published comment, with the address at which it stands on its page.

    `is_shortened` if the mail shows a part of it, `is_redacted` if moderators took passages out.
    """

    author: str
    page: str
    url: str
    text: str
    html: str
    is_shortened: bool
    is_redacted: bool
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One comment in a message as it is shown, with its moderator's own links."""

    notification: Notification
    named: Named
    heading: Named
    author: str
    page: str
    other_title: str | None
    masked_address: str | None
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
    explanations: tuple[str, ...] = ()
    """What readers say of it in their reports, or its author against its rejection, shortened."""

    @property
    def is_proved(self) -> bool:
        """Whether the author's address was proved."""
        return self.notification.comment.proved_at is not None

    @property
    def is_reply(self) -> bool:
        """Whether it answers another comment, which may be gone."""
        return self.notification.comment.parent_id is not None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it looks suspicious."""
        return self.notification.comment.doubtful.doubts

    def cut(self, limit: int) -> "Item":
        """Return it with at most so many characters of its text in the HTML."""
        if self.notification.comment.edit is not None:
            pieces, _ = _changes(self.notification.comment, limit)
            return replace(self, html=_marked(pieces), is_shortened=True)
        return replace(self, html=_paragraphs(_beginning(self.notification.comment, limit)[0]), is_shortened=True)


def item(notification: Notification, link: str, *, in_full: bool) -> Item:
    """Return a comment as it is shown; `link` is the address below which its moderator decides."""
    comment = notification.comment
    if comment.edit is not None:
        pieces, is_whole = _changes(comment, None if in_full else IN_DIGEST)
        text, html = _signed(pieces), _marked(pieces)
    else:
        text, is_whole = (_words(comment), True) if in_full else _beginning(comment, IN_DIGEST)
        html = _rendered(comment.body_html) if is_whole and comment.body_html else _paragraphs(text)
    named = _named(notification)
    return Item(
        notification=notification,
        named=named,
        heading=Named(
            author=unlinked(named.author),
            page=unlinked(named.page),
            answered=named.answered and unlinked(named.answered),
            reports=named.reports,
            is_objected=named.is_objected,
            is_edited=named.is_edited,
        ),
        author=unlinked(_name(comment.author_name, _IN_CARD, notification.moderator.language)),
        page=unlinked(_title(notification, _IN_CARD)),
        other_title=comment.other_title and unlinked(_quotable(comment.other_title, _IN_CARD)),
        masked_address=notification.masked_address,
        author_url=comment.author_url and unlinked(_line(comment.author_url, _IN_CARD)),
        parent=_parent(notification),
        text=unlinked(text),
        is_text_shortened=not is_whole,
        html=html,
        is_shortened=not is_whole,
        direction=direction(text.lstrip("".join(_SIGNS.values()))),
        preview=unlinked(_line(text[:IN_DIGEST], _IN_PREVIEW)),
        approve_url=f"{link}/approve",
        reject_url=f"{link}/reject",
        spam_url=f"{link}/spam",
        explanations=_explanations(notification),
    )


def _explanations(notification: Notification) -> tuple[str, ...]:
    if notification.comment.is_objected:
        return (unlinked(_line(notification.comment.objection or "", _OF_OBJECTION)),)
    shown = [one.explanation for one in notification.reports.reports if one.explanation][:_MOST_EXPLANATIONS]
    return tuple(unlinked(_line(text, _OF_EXPLANATION)) for text in shown)


def _named(notification: Notification) -> Named:
    """Return the names around a comment for a subject or a heading."""
    language = notification.moderator.language
    answered = notification.parent and _name(notification.parent.author_name, _IN_HEADING, language)
    return Named(
        author=_name(notification.comment.author_name, _IN_HEADING, language),
        page=_title(notification, _IN_HEADING),
        answered=answered or None,
        reports=notification.reports.count,
        is_objected=notification.comment.is_objected,
        is_edited=notification.comment.is_edited,
    )


def published(comment: QueuedComment, language: str) -> Published:
    """Return a published comment as mail to authors shows it."""
    text, is_whole = _beginning(comment, _IN_NOTICE)
    return Published(
        author=unlinked(_name(comment.author_name, _IN_HEADING, language)),
        page=unlinked(_quotable(comment.public_title or comment.page_url, _IN_CARD)),
        url=f"{comment.page_url}#comment-{comment.id}",
        text=unlinked(text),
        html=_paragraphs(text),
        is_shortened=not is_whole,
        is_redacted=comment.redacted,
        direction=direction(text),
    )


def quoted_words(text: str) -> str:
    """Return what somebody said about a comment, shortened, to stand in mail to them."""
    return unlinked(_line(text, _IN_NOTICE))


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


def _parent(notification: Notification) -> Parent | None:
    if notification.parent is None:
        return None
    words = _line(_beginning(notification.parent, _OF_PARENT)[0], _OF_PARENT)
    return Parent(
        author=unlinked(_name(notification.parent.author_name, _IN_HEADING, notification.moderator.language)),
        words=unlinked(words),
        direction=direction(words),
    )


def _name(text: str, limit: int, language: str) -> str:
    """Return a name; in quotes unless it is made of letters as names are, so that it says nothing in our voice."""
    shown = _line(text, limit)
    if all(one in _NAME_PUNCTUATION or unicodedata.category(one) in _OF_NAMES for one in shown):
        return isolate(shown)
    return isolate(locales.translations(language).gettext("“%(text)s”") % {"text": shown.translate(_QUOTES)})


def _title(notification: Notification, limit: int) -> str:
    """Return what readers call a page, or would if the comment were approved, to stand in quotes."""
    return _quotable(notification.comment.public_title or notification.comment.page_url, limit)


def _quotable(text: str, limit: int) -> str:
    return isolate(_line(text, limit).translate(_QUOTES))


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


def _changes(comment: QueuedComment, limit: int | None) -> tuple[list[Piece], bool]:
    """Return what an edit takes out and adds, with few words around, and whether that is all within the limit."""
    shown: list[Piece] = []
    room = limit
    for piece in difference.in_brief(comment.difference):
        text = _printable(piece.text)
        if room is None or len(text) <= room:
            shown.append(Piece(piece.kind, text))
            room = None if room is None else room - len(text)
            continue
        return [*shown, Piece(piece.kind, plain_text.shortened(text, max(room, 1)))], False
    return shown, True


def _signed(pieces: Sequence[Piece]) -> str:
    """Return changes as lines of text, with a sign before what was taken out and what was added."""
    lines = [(piece.kind, line) for piece in pieces for line in piece.text.strip().split("\n") if line.strip()]
    return "\n".join(f"{_SIGNS[kind]}{line.strip()}" for kind, line in lines)


def _marked(pieces: Sequence[Piece]) -> str:
    """Return changes as HTML, struck through what was taken out and underlined what was added."""
    shown = "".join(_TAGS[one.kind].format(escape(unlinked(one.text)).replace("\n", "<br>\n")) for one in pieces)
    return f"<p>{shown}</p>"


def _paragraphs(text: str) -> str:
    lines = escape(unlinked(text)).split("\n")
    return f"<p>{'<br>'.join(lines)}</p>"


def _printable(text: str) -> str:
    """Leave out control characters: they mean nothing in HTML and give orders to a terminal."""
    if text.isprintable():
        return text
    return "".join(one for one in text if one in _KEPT_CONTROLS or unicodedata.category(one) != "Cc")
