"""Mail headers that every reader gets back as they were written: encoded and folded here, not by the library.

Python's own folding loses and doubles spaces around encoded words (RFC 2047) and may leave the first line empty.
"""

import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterable, Iterator
from email.policy import Policy
from functools import lru_cache
from itertools import chain, pairwise, repeat
from typing import Self

from moderation_service.domain.accounts import addresses

LINE = 78
"""How long a line may be (RFC 5322, 2.1.1), where it can be broken at all."""

_ENCODED_LINE = 76
_ENCODED_WORD = 75
_CHARSET = "=?utf-8?{}?{}?="
_FRAME = len(_CHARSET.format("q", ""))
_UNQUOTED = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_LITERAL_IN_Q = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")
_IN_Q = tuple(
    chr(byte) if byte in _LITERAL_IN_Q else "_" if byte == ord(" ") else f"={byte:02X}" for byte in range(0x100)
)
_NOT_FOR_HEADERS = frozenset({"Cc", "Cs"})
_REMEMBERED = 64
"""How many texts are kept as they were encoded: the subject of one comment goes to all who moderate its page."""


class Header(str):
    """A header's value as text; in a message it stays as it is and is folded as it was prepared."""

    __slots__ = ("lines", "name")
    name: str
    lines: tuple[str, ...]

    def __new__(cls, name: str, text: str, lines: Iterable[str]) -> Self:
        """Return a header's text; `lines` are those that go over the wire, the first without the name."""
        made = super().__new__(cls, text)
        made.name = name
        made.lines = tuple(lines)
        return made

    def fold(self, *, policy: Policy) -> str:
        """Return the lines as the email package writes them, whatever line ends its policy has."""
        return f"{self.name}: {(policy.linesep + ' ').join(self.lines)}{policy.linesep}"


@lru_cache(_REMEMBERED)
def text(name: str, value: str) -> Header:
    """Return a header that holds free text, its white space brought to single spaces."""
    value = clean(value)
    return Header(name, value, _lines(name, [_text_tokens(name, value)]))


def tokens(name: str, *values: str) -> Header:
    """Return a header of identifiers in ASCII, such as a Message-ID; none of them is ever broken."""
    return Header(name, " ".join(values), _lines(name, [list(values)]))


def mailboxes(name: str, *people: tuple[str, str]) -> Header:
    """Return a header that lists people by display name, which may be empty, and address."""
    written = [_mailbox(name, clean(shown), email) for shown, email in people]
    value = ", ".join(f"{clean(shown)} <{email}>" if clean(shown) else email for shown, email in people)
    return Header(name, value, _lines(name, written))


def clean(value: str) -> str:
    """Leave out what no header may hold, and bring white space to single spaces."""
    spaced = " ".join(value.split())
    return " ".join("".join(one for one in spaced if unicodedata.category(one) not in _NOT_FOR_HEADERS).split())


def _lines(name: str, lists: list[list[str]]) -> Iterator[str]:
    """Fill lines with tokens; `lists` are parted by commas."""
    parts = [[*tokens[:-1], f"{tokens[-1]},"] for tokens in lists[:-1] if tokens] + lists[-1:]
    line, before = "", len(name) + 2
    for token in chain.from_iterable(parts):
        limit = _ENCODED_LINE if "=?" in line + token else LINE
        if line and before + len(line) + 1 + len(token) > limit:
            yield line
            line, before = token, 1
        else:
            line = f"{line} {token}" if line else token
    yield line


def _text_tokens(name: str, value: str) -> list[str]:
    """Break free text into what may stand in one line each: words, or encoded words that hold all of it."""
    words = value.split(" ")
    fits = all(len(word) <= LINE - 1 for word in words) and len(words[0]) <= LINE - len(name) - 2
    if value.isascii() and "=?" not in value and fits:
        return words
    return list(encoded_words(value, first=_ENCODED_LINE - len(name) - 2))


def _mailbox(name: str, shown: str, email: str) -> list[str]:
    local, _, domain = addresses.on_the_wire(email).rpartition("@")
    address = f"{local if _is_dot_atom(local) else _quoted(local)}@{domain}"
    if not shown:
        return [address]
    return [*_phrase(name, shown), f"<{address}>"]


def _phrase(name: str, shown: str) -> list[str]:
    """Write a display name plainly where it is plain, in quotes where that fits into one line, else encoded."""
    if shown.isascii() and "=?" not in shown:
        if _UNQUOTED.fullmatch(shown) and all(len(word) < LINE // 2 for word in shown.split(" ")):
            return shown.split(" ")
        quoted = _quoted(shown)
        if len(quoted) <= LINE - len(name) - 2:
            return [quoted]
    return list(encoded_words(shown, first=_ENCODED_LINE - len(name) - 2))


def _is_dot_atom(local: str) -> bool:
    return not local.isascii() or all(_UNQUOTED.fullmatch(part) for part in local.split("."))


def _quoted(value: str) -> str:
    return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))


def encoded_words(value: str, *, first: int = _ENCODED_WORD) -> Iterator[str]:
    """Encode a text as words that join to it again; each is at most 75 characters long, the first at most `first`.

    A character is never torn apart, and neither, where they fit, is one from the marks upon it.
    """
    encoding, encode = min((("q", _quoted_printable), ("b", _base64)), key=lambda one: len(one[1](value)))
    rooms = chain([min(first, _ENCODED_WORD) - _FRAME], repeat(_ENCODED_WORD - _FRAME))
    room, word = next(rooms), ""
    for cluster in _clusters(value):
        is_whole = len(encode(cluster)) <= (_ENCODED_WORD - _FRAME if word else room)
        for piece in [cluster] if is_whole else cluster:
            if word and len(encode(word + piece)) > room:
                yield _CHARSET.format(encoding, encode(word))
                room, word = next(rooms), ""
            word += piece
    yield _CHARSET.format(encoding, encode(word))


def _clusters(value: str) -> Iterator[str]:
    """Split a text before each character that is no mark and is joined to nothing before it."""
    starts = [
        place
        for place, one in enumerate(value)
        if not place or not (unicodedata.combining(one) or one == "\u200d" or value[place - 1] == "\u200d")
    ]
    return (value[start:end] for start, end in pairwise([*starts, len(value)]))


def _base64(value: str) -> str:
    return b64encode(value.encode()).decode()


def _quoted_printable(value: str) -> str:
    return "".join(map(_IN_Q.__getitem__, value.encode()))
