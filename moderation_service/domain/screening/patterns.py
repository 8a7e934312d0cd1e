"""Regular expressions that others wrote, matched in a time that they cannot raise.

RE2 takes time in proportion to the text, whatever the expression; where it needs many states for one that counts,
it takes as many times longer as the expression has steps. So of a text as much is looked at as a fixed number of
steps allows.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import re2

LONGEST = 1_000
"""Characters that an expression may have."""

MOST_STEPS = 5_000
"""Steps that an expression may have once it is compiled; a letter is one, a class such as `\\pL` some hundreds."""

_BUDGET = 10_000_000
_MEMORY = 4 << 20
_END_OF_SCRIPTS = 0x40000
"""Behind it stand private characters and tags, which are of no script."""


class InvalidPatternError(ValueError):
    """The text is no regular expression that is taken here; its message says why."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression as it was written; two are equal if they were written alike.

    Raises InvalidPatternError for what is none, is too large, or needs more than one look at each character, such
    as back-references and look-around.
    """

    text: str
    reach: int = field(init=False, repr=False, compare=False)
    """How many bytes of a text are looked at."""
    _compiled: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        compiled = _compiled(self.text)
        object.__setattr__(self, "_compiled", compiled)
        object.__setattr__(self, "reach", _BUDGET // max(int(compiled.programsize), 1))

    def is_found_in(self, text: str) -> bool:
        """Tell whether a text holds what the expression describes, in as much of it as `reach` says."""
        encoded = text.encode(errors="replace")[: self.reach]
        return self._compiled.search(encoded) is not None


@lru_cache(1_000)
def _compiled(text: str) -> Any:
    if len(text) > LONGEST:
        raise InvalidPatternError(f"is longer than {LONGEST:,} characters")
    try:
        compiled = re2.compile(text.encode(), _options())
    except re2.error as error:
        [said] = error.args
        raise InvalidPatternError(said.decode(errors="replace") if isinstance(said, bytes) else said) from error
    except UnicodeEncodeError as error:
        raise InvalidPatternError("is not text") from error
    if compiled.programsize > MOST_STEPS:
        raise InvalidPatternError(
            f"is too large: {compiled.programsize:,} steps, of which {MOST_STEPS:,} are taken"
        )
    return compiled


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    options.never_capture = True
    return options


@lru_cache(100)
def characters_of_script(name: str) -> str | None:
    """Return what stands between the brackets of a character class for a script of Unicode, such as `Cyrillic`.

    None where RE2 knows no script of that name; names are written as in Unicode's property of that name.
    """
    if len(name) <= len("Lu") or not name.replace("_", "").isalpha() or name == "Any":
        return None
    try:
        runs = re2.compile(rf"\p{{{name}}}+", _options())
    except re2.error:
        return None
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, _END_OF_SCRIPTS))))
    return "".join(f"{re.escape(one[0])}-{re.escape(one[-1])}" for one in runs.findall(every))
