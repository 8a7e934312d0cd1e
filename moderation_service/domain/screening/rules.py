"""Rules that a site's owner wrote down: what must hold of a comment, and what then becomes of it.

Nothing here asks anybody: what takes a look at the database or at the learned score is told, and asked for only
where all else holds (`services/screening/rules.py`).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from moderation_service.domain.comments import hosts, pages
from moderation_service.domain.screening.assessment import NOTHING, Finding, Reason, Verdict
from moderation_service.domain.screening.patterns import Pattern, characters_of_script

REASON = "rule"
"""The code of the reason that a rule gives; its detail is the rule's name."""

SHARE_OF_SCRIPT = 1 / 3
"""Which part of the letters of a comment makes it one in some script."""

_LABEL = re.compile(r"\[[^\[\]]*\]\(")
_LINK = re.compile(r"https?://|(?<![\w./@-])www\.", re.IGNORECASE)
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_DOMAIN = re.compile(r"[^\W_][\w-]*(?:\.[\w-]+)*")
_REMEMBERED = 20_000
"""Characters of which it is remembered what they are to words."""

_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)
"""Characters of scripts that are written without blanks between words."""


class Action(StrEnum):
    """What becomes of a comment for which all conditions of a rule hold."""

    HOLD = "hold"
    SUSPECT = "suspect"
    SPAM = "spam"
    REFUSE = "refuse"

    @property
    def verdict(self) -> Verdict:
        """Return what screening comes to by it."""
        return _VERDICTS[self]


_VERDICTS = {
    Action.HOLD: Verdict.HOLD,
    Action.SUSPECT: Verdict.SUSPECT,
    Action.SPAM: Verdict.SPAM,
    Action.REFUSE: Verdict.REFUSED,
}


class OptionalField(StrEnum):
    """What an author may leave empty, where the site lets them."""

    AUTHOR_EMAIL = "author_email"
    AUTHOR_URL = "author_url"


@dataclass(frozen=True, slots=True)
class Script:
    """Scripts of Unicode, by their names; raises ValueError for one that there is not."""

    names: tuple[str, ...]
    _letters: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _has_ascii: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        characters = [characters_of_script(name) for name in self.names]
        if None in characters:
            raise ValueError(self.names[characters.index(None)])
        letters = re.compile(f"[{''.join(filter(None, characters))}]+")
        object.__setattr__(self, "_letters", letters)
        object.__setattr__(self, "_has_ascii", letters.search("".join(map(chr, range(128)))) is not None)

    def is_that_of(self, text: str) -> bool:
        """Tell whether a third or more of the letters of a text, its links left out, are of these scripts."""
        if (not self._has_ascii and text.isascii()) or self._letters.search(text) is None:
            return False
        text = _URL.sub(" ", text)
        letters = sum(map(str.isalpha, text))
        others = sum(map(str.isalpha, self._letters.sub("", text)))
        return letters > 0 and letters - others >= letters * SHARE_OF_SCRIPT


class Written:
    """What a comment holds, in the forms that conditions look at; each is made when it is first asked for."""

    def __init__(
        self, *, page_url: str, author_name: str, has_address: bool, author_url: str | None, body: str
    ) -> None:
        self.page_path = pages.path(page_url)
        self.texts = tuple(one for one in (body, author_name, author_url) if one)
        self.body = body
        self.missing = frozenset(
            {
                *(() if has_address else (OptionalField.AUTHOR_EMAIL,)),
                *(() if author_url else (OptionalField.AUTHOR_URL,)),
            }
        )

    @cached_property
    def links(self) -> int:
        """How many links its text has; an address that is also what the link is called counts once."""
        if "://" not in self.body and "www." not in self.body.lower():
            return 0
        return len(_LINK.findall(_LABEL.sub("(", self.body)))

    @cached_property
    def lines(self) -> str:
        """Text, name and web address as `folded`, each in a line of its own."""
        return "\n".join(map(folded, self.texts))

    @cached_property
    def domains(self) -> frozenset[str]:
        """The hosts that its text and its author's web address name, and all domains that they lie below."""
        return frozenset(
            name for text in self.texts for host in hosts.hosts_of(text) for name in hosts.with_parents(host)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What must hold, all of it; what is None or empty is no condition.

    Of several words, domains etc. one is enough. `words` are as `folded`; `domains` as `domain` returns them.
    `score_over` is from 0 to 1. `first_comments` holds for that many first comments of an address at the site, and
    always where there is no address.
    """

    links_over: int | None = None
    words: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    domains: frozenset[str] = frozenset()
    script: Script | None = None
    paths: tuple[str, ...] = ()
    missing: frozenset[OptionalField] = frozenset()
    score_over: float | None = None
    page_older_than: timedelta | None = None
    first_comments: int | None = None
    _wanted: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_wanted", tuple(map(_as_wanted, self.words)))

    @property
    def asks(self) -> bool:
        """Whether the comment alone does not tell if all of it holds."""
        return self.score_over is not None or self.asks_database

    @property
    def asks_database(self) -> bool:
        """Whether what was stored before has a say."""
        return self.page_older_than is not None or self.first_comments is not None

    def may_hold(self, comment: Written) -> bool:
        """Tell whether all holds that the comment alone tells; what is cheap is looked at first."""
        return (
            (self.links_over is None or comment.links > self.links_over)
            and (not self.missing or not self.missing.isdisjoint(comment.missing))
            and (not self.paths or any(pages.covers(one, comment.page_path) for one in self.paths))
            and (not self.domains or not self.domains.isdisjoint(comment.domains))
            and (not self.words or _holds_any(comment.lines, self._wanted))
            and (self.script is None or self.script.is_that_of(comment.body))
            and (
                not self.patterns or any(one.is_found_in(text) for one in self.patterns for text in comment.texts)
            )
        )

    def fits_score(self, probability: int | None) -> bool:
        """Tell whether the learned score, in thousandths, is high enough; None, where there is none, is not."""
        return self.score_over is None or (probability is not None and probability > 1_000 * self.score_over)

    def fits_page(self, age: timedelta) -> bool:
        """Tell whether a page whose first comment is as old as this is old enough."""
        return self.page_older_than is None or age > self.page_older_than

    def fits_author(self, earlier: int) -> bool:
        """Tell whether an author with so many earlier comments is new enough."""
        return self.first_comments is None or earlier < self.first_comments


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule; moderators see its `name` as the reason."""

    name: str
    when: Conditions
    then: Action


def finding(matching: Iterable[Rule]) -> Finding:
    """Return what rules that match come to: each is a reason, and the most severe action is the verdict."""
    rules = tuple(matching)
    if not rules:
        return NOTHING
    verdict = max((one.then.verdict for one in rules), key=lambda one: one.severity)
    return Finding(tuple(Reason(REASON, detail=one.name) for one in rules), verdict)


def folded(text: str) -> str:
    """Return the words of a text in one line, with a blank before and behind each: NFKC, case-folded.

    What cannot be seen, such as a soft hyphen within a word, is left out.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return f" {' '.join(text.translate(_LETTERS).split())} "


class _Letters(dict[int, str]):
    """What words are made of as it is, a blank for what parts them, nothing for what cannot be seen."""

    def __missing__(self, number: int) -> str:
        character = chr(number)
        category = unicodedata.category(character)
        is_kept = character.isalnum() or category[0] == "M"
        found = character if is_kept else "" if category == "Cf" else " "
        if len(self) < _REMEMBERED:
            self[number] = found
        return found


_LETTERS = _Letters()


def _as_wanted(word: str) -> str:
    """Return what is looked for of a `folded` word: with its blanks where its script parts words by them."""
    begin = word[1:] if _UNSPACED.match(word, 1) else word
    return begin[:-1] if _UNSPACED.match(word, len(word) - 2) else begin


def _holds_any(lines: str, wanted: Iterable[str]) -> bool:
    for one in wanted:  # noqa: SIM110 - a generator costs more than most searches
        if one in lines:
            return True
    return False


def domain(name: str) -> str:
    """Return a domain as domains are compared: A-labels in small letters; raise ValueError for what is none."""
    host = hosts.canonical(name.strip().strip("."))
    if len(host) > hosts.LONGEST or _DOMAIN.fullmatch(host) is None:
        raise ValueError(name)
    return host
