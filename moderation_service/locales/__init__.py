"""The languages that pages, mails and errors speak."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

SOURCE = "en"
LANGUAGES = (SOURCE, "it")
"""English stands in the code and templates; every other language has a catalogue beside this file."""


@cache
def translations(language: str) -> NullTranslations:
    """Return a language's catalogue; one that is not spoken gets English."""
    if language == SOURCE or language not in LANGUAGES:
        return NullTranslations()
    with files(__name__).joinpath(f"{language}.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def negotiate(accept_language: str | None, default: str) -> str:
    """Return the spoken language that a reader likes best (RFC 9110, 12.5.4), else the default, else English."""
    for tag in _by_preference(accept_language or ""):
        language = tag.partition("-")[0]
        if language in LANGUAGES:
            return language
    return default if default in LANGUAGES else SOURCE


def _by_preference(header: str) -> Sequence[str]:
    weighed = []
    for position, item in enumerate(header[:500].split(",")):
        tag, _, parameter = item.partition(";")
        try:
            weight = float(parameter.strip().lower().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        if 0 < weight <= 1:
            weighed.append((-weight, position, tag.strip().lower()))
    return [tag for _, _, tag in sorted(weighed)]
