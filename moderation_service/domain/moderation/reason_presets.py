"""What a decision may give as its reason: a code, with a text for whoever it concerns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

OTHER = "other"
BUILT_IN = ("off_topic", "insult", "personal_data", "advertising", "illegal", OTHER)
"""The codes that every site has; `locales/reason_texts.py` has their texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonPreset:
    """A reason that a site gives for its decisions; `texts` are by language, none where the text is built in."""

    code: str
    texts: Mapping[str, str] = field(default_factory=dict, hash=False)


def presets(own: Iterable[ReasonPreset]) -> tuple[ReasonPreset, ...]:
    """Return a site's reasons in the order in which they are offered: `other` is the last.

    A reason of the site's own takes the place of the built-in one with its code.
    """
    by_code = {code: ReasonPreset(code=code) for code in BUILT_IN}
    by_code |= {one.code: one for one in own}
    return (*(one for code, one in by_code.items() if code != OTHER), by_code[OTHER])
