"""Every string that a person may read exists in every language that is spoken, and nothing else does."""

import re
from importlib.resources import files

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from moderation_service.locales import LANGUAGES, SOURCE, negotiate, translations
from schemas.problems import FIELD_MESSAGES, PROBLEMS

_PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}|<[^>]+>")
_TRANSLATED = [language for language in LANGUAGES if language != SOURCE]
_ALIKE = {
    "de": {"Domain", "Spam", "Name", "Website", "Text", "Status", "Moderation", "Filters", "optional"},
    "es": {"Spam"},
    "fr": {"Spam", "E-mail", "Notifications", "Pages", "Sites"},
    "it": {"Spam", "E-mail"},
}
"""What a language says just as English does. `%(label)s:` and the like have no words of their own."""
_FAULTY = {
    "de": r"[“«»\"]\w|(?<!-)\bMails?\b|Schreibtisch|\bKnopf",
    "es": r"[“”„\"]|^[^¿]*\?|^[^¡]*!|[Ee]scritorio|comentarista",
    "fr": r"[“”„\"]|[^\u00a0\u202f/p]:(?!//)|[^\u00a0\u202f][;?!»]|«[^\u00a0\u202f]|[Bb]ureau|commentateur|abîmé",
    "it": r"[“”„\"]|scrivania|\b(?:Suo|Sua)\b|\b[Ss]egnat[oi] come|\b(?:i|gli|[dn]egli|agli|[dn]ei|ai) %\(",
}
"""Typography of another language, words that are not said in software, and articles that change with a number."""

Id = str | tuple[str, str]


@pytest.fixture(scope="module")
def spoken() -> set[Id]:
    """What code and templates say in English; a plural is a pair."""
    found: set[Id] = set(FIELD_MESSAGES.values())
    for title, detail in PROBLEMS.values():
        found |= {title, detail}
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")]
    options = {"**.html": {"newstyle_gettext": "true"}, "**.txt": {"newstyle_gettext": "true"}}
    folder = str(files("moderation_service"))
    for _, _, message, _, _ in extract_from_dir(folder, methods, options):
        found.add(message if isinstance(message, str) else (message[0], message[1]))
    return found


def catalogue(language: str) -> dict[Id, Message]:
    with (files("moderation_service.locales") / f"{language}.po").open("rb") as source:
        read = read_po(source, locale=language, abort_invalid=True)
    assert not read.obsolete
    return {
        message.id if isinstance(message.id, str) else (message.id[0], message.id[1]): message
        for message in read
        if message.id
    }


@pytest.mark.parametrize("language", _TRANSLATED)
def test_every_string_is_in_every_catalogue_and_nothing_else(language: str, spoken: set[Id]) -> None:
    listed = catalogue(language)
    assert {
        "missing": sorted(map(str, spoken - set(listed))),
        "obsolete": sorted(map(str, set(listed) - spoken)),
    } == {
        "missing": [],
        "obsolete": [],
    }
    incomplete = [key for key, one in listed.items() if one.fuzzy or not _forms(one) or not all(_forms(one))]
    assert incomplete == []


@pytest.mark.parametrize("language", _TRANSLATED)
def test_a_translation_keeps_every_placeholder_and_tag(language: str) -> None:
    for key, message in catalogue(language).items():
        original = key if isinstance(key, str) else key[1]
        for number, form in enumerate(_forms(message)):
            wanted = sorted(_PLACEHOLDER.findall(original))
            if isinstance(key, tuple) and number == 0:
                # The singular may spell its number out, in any language.
                assert set(_PLACEHOLDER.findall(form)) <= set(wanted), form
            else:
                assert sorted(_PLACEHOLDER.findall(form)) == wanted, form


@pytest.mark.parametrize("language", _TRANSLATED)
def test_no_string_is_left_in_english(language: str) -> None:
    left = set()
    for key, message in catalogue(language).items():
        said = {key} if isinstance(key, str) else set(key)
        left |= {
            form for form in _forms(message) if form in said and re.search(r"[^\W\d_]", _PLACEHOLDER.sub("", form))
        }
    assert left <= _ALIKE[language]


@pytest.mark.parametrize("language", _TRANSLATED)
def test_a_string_is_written_as_its_language_is(language: str) -> None:
    general = r"'|\.\.\.|\s…|\s$|^\s|  |> "
    for message in catalogue(language).values():
        for form in _forms(message):
            plain = re.sub(r"<[^>]+>", "", form).replace("http://", "URL").replace("https://", "URL")
            assert not re.search(general, plain), form
            assert not re.search(_FAULTY[language], plain), form


@pytest.mark.parametrize("language", _TRANSLATED)
def test_a_plural_has_as_many_forms_as_its_language(language: str) -> None:
    for count in (0, 1, 2, 1_000_000):
        spoken = translations(language).ngettext(
            "One comment is waiting for your decision", "%(number)s comments are waiting for your decision", count
        )
        assert "comments" not in spoken
        assert ("%(number)s" in spoken) == (count != 1 and not (language == "fr" and count == 0))


def test_a_reader_gets_the_language_that_is_liked_best_and_spoken() -> None:
    assert negotiate("nl, fr;q=0.5, de;q=0.9", "it") == "de"
    assert negotiate("nl", "es") == "es"
    assert negotiate(None, "nl") == SOURCE


def _forms(message: Message) -> list[str]:
    return list(message.string) if isinstance(message.string, tuple | list) else [message.string or ""]
