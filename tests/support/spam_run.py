"""Five kinds of bots and the people among whom they come, from a seed: what each of them posts."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_THINGS = (
    "the harvest",
    "the new bakery",
    "the cooperative",
    "the market on Saturday",
    "the school garden",
    "the old mill",
    "the recipe with chestnuts",
    "the footpath along the river",
)
_OPINIONS = (
    "reminded me of my grandparents",
    "is better than I expected",
    "should be open on Sundays as well",
    "could be explained in more detail",
    "was the best part of our holiday",
    "is worth the long way",
    "needs more people who help",
    "does not work for families with small children",
)
_PLACES = ("in our village", "in Modena", "near the station", "up in the hills", "in the north", "by the sea")
_ENDINGS = (
    "Has anybody else seen it?",
    "Thank you for writing about it.",
    "I do not agree with everything, though.",
    "We will come again in spring.",
    "Who can I ask about that?",
    "My neighbour says the opposite.",
)
_PITCHES = (
    ("earn", "make", "win", "get"),
    ("money", "cash", "dollars", "a fortune"),
    ("fast", "easily", "today", "in a week"),
    ("from home", "online", "without work", "with your phone"),
    ("join", "register", "sign up", "click"),
    ("now", "for free", "here", "before midnight"),
)
_SYLLABLES = ("ba", "chi", "do", "fe", "gia", "li", "mo", "no", "pe", "ri", "sa", "tu", "vo", "zel")
_SHOPS = ("casino bonus", "cheap pills", "replica watches", "crypto trading", "payday loans", "slimming tea")


class Kind(StrEnum):
    """Who posts."""

    HONEST = "honest"
    FAST = "fast"
    """Fills every form at once."""
    DROPPER = "dropper"
    """Comes slowly, with a few words and a link."""
    COPY = "copy"
    """Posts one text from many networks."""
    PARAPHRASE = "paraphrase"
    """Posts one message in ever other words."""
    SLEEPER = "sleeper"
    """Looks honest at first, and puts a link in later."""


BOTS = tuple(one for one in Kind if one is not Kind.HONEST)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who posts once from a network; `later` is what the text is changed to afterwards."""

    kind: Kind
    network: str
    page: str
    author_name: str
    body: str
    later: str | None = None


def visitors(seed: int, *, bots: int, honest: int) -> Iterator[Visitor]:
    """Yield as many bots, in equal parts of each kind, and people, in an order by chance."""
    chance = random.Random(seed)  # noqa: S311 - a test's
    kinds = [BOTS[number % len(BOTS)] for number in range(bots)] + [Kind.HONEST] * honest
    chance.shuffle(kinds)
    for number, kind in enumerate(kinds):
        later = f"{_honest(chance)} {_link(chance)}" if kind is Kind.SLEEPER else None
        yield Visitor(
            kind=kind,
            network=f"{11 + number % 180}.{number // 180}.7.9",
            page=f"https://www.example.org/{chance.randrange(40)}",
            author_name=f"{chance.choice(('Ada', 'Karl', 'Luc', 'Mary', 'Pia'))} {number}",
            body=_body(kind, chance),
            later=later,
        )


def _body(kind: Kind, chance: random.Random) -> str:
    if kind is Kind.FAST:
        return f"{chance.choice(_SHOPS)} {chance.choice(_SHOPS)} {_pitch(chance)} {_link(chance)} {_link(chance)}"
    if kind is Kind.DROPPER:
        return f"{chance.choice(('Nice post', 'Great site', 'Very useful'))}, see {_link(chance)}"
    if kind is Kind.COPY:
        return f"Our {_SHOPS[0]} is back, play without any deposit and win every single day at {_link(chance)}"
    if kind is Kind.PARAPHRASE:
        return f"You can {_pitch(chance)}, {chance.choice(_SHOPS)} {_link(chance)}"
    return _honest(chance)


def _honest(chance: random.Random) -> str:
    parts = (_THINGS, _OPINIONS, _PLACES, _ENDINGS)
    thing, opinion, place, ending = (chance.choice(one) for one in parts)
    who, whom, where = (_name(chance) for _ in range(3))
    return f"{thing.capitalize()} that {who} showed {place} {opinion}, {whom} from {where} says. {ending}"


def _name(chance: random.Random) -> str:
    """Return one of many names, as people write of what nobody else does."""
    return "".join(chance.choice(_SYLLABLES) for _ in range(3)).capitalize()


def _pitch(chance: random.Random) -> str:
    return " ".join(chance.choice(one) for one in _PITCHES)


def _link(chance: random.Random) -> str:
    return (
        f"https://{chance.choice(_SHOPS).split()[0]}{chance.randrange(10_000)}.example/{chance.randrange(10_000)}"
    )
