"""What is wrong with a sites file, beyond what each entry says of itself, and where."""

from collections.abc import Iterator, Mapping
from typing import Any

from moderation_service import locales
from moderation_service.domain.accounts import addresses, preview_origins
from moderation_service.domain.accounts.addresses import InvalidAddressError
from moderation_service.domain.comments import pages
from moderation_service.domain.comments.pages import InvalidPageError
from moderation_service.domain.screening import rules
from moderation_service.domain.screening.patterns import InvalidPatternError, Pattern
from moderation_service.domain.screening.rules import Script
from schemas.base import is_http_url
from schemas.sites import is_language, is_preview


def of_content(content: Mapping[str, Any], *, local_addresses: bool) -> Iterator[str]:
    """Yield what is wrong with a file's tables, whatever else is.

    With `local_addresses` moderators may have addresses without a public domain.
    """
    yield from _bad_addresses(content, local_addresses=local_addresses)
    for faults_of in (_bad_origins, _bad_previews, _shared_keys, _unspoken, of_rules):
        yield from faults_of(content)


def _bad_addresses(content: Mapping[str, Any], *, local_addresses: bool) -> Iterator[str]:
    for s, site in _tables(content, "site"):
        reply_to = site.get("reply_to")
        yield from _bad_address(f"site[{s}].reply_to", reply_to, local_addresses=local_addresses)
        if isinstance(reply_to, str) and not reply_to.rpartition("@")[0].isascii():
            yield f"site[{s}].reply_to: {reply_to!r} has letters before the @ that not every mail server takes"
        yield from _bad_address(f"site[{s}].contact", site.get("contact"), local_addresses=local_addresses)
        for m, moderator in _tables(site, "moderator"):
            place = f"site[{s}].moderator[{m}].email"
            yield from _bad_address(place, moderator.get("email"), local_addresses=local_addresses)


def _bad_address(place: str, email: object, *, local_addresses: bool) -> Iterator[str]:
    if not isinstance(email, str):
        return
    try:
        address = addresses.normalise(email, local=True)
    except InvalidAddressError:
        yield f"{place}: is not an e-mail address: {email!r}"
        return
    if not local_addresses and not addresses.has_public_domain(address):
        yield f"{place}: has no public domain: {email!r}; MODERATION_LOCAL_ADDRESSES=on allows it"


def _bad_origins(content: Mapping[str, Any]) -> Iterator[str]:
    """Name origins that can be no page's, and those that two spellings list twice."""
    seen: dict[str, str] = {}
    for place, origin in _texts(content, "origins"):
        if not is_http_url(origin):
            continue
        try:
            canonical = pages.origin(pages.canonical(origin))
        except InvalidPageError:
            yield f"{place}: has an invalid host name"
            continue
        first = seen.setdefault(canonical, place)
        if first != place:
            yield f"{place}: {origin!r} is listed twice, first as {first}"


def of_loaded(loaded: Mapping[str, Any]) -> Iterator[str]:
    """Name pages of WordPress that stand on none of their site's origins."""
    for s, site in enumerate(loaded.get("site", ())):
        origins = {_origin(one) for one in site["origins"]}
        for number, url in site["wordpress_pages"].items():
            if _origin(url) not in origins:
                yield f"site[{s}].wordpress_pages.{number}: {url!r} is on no origin of the site"


def _origin(url: str) -> str | None:
    try:
        return pages.origin(pages.canonical(url))
    except InvalidPageError:
        return None


def _bad_previews(content: Mapping[str, Any]) -> Iterator[str]:
    """Name patterns of previews that anybody could be within, and those of more than one site."""
    seen: dict[str, str] = {}
    for place, pattern in _texts(content, "preview_origins"):
        if not is_preview(pattern):
            continue
        try:
            normalised = preview_origins.normalised(pattern)
        except InvalidPageError:
            yield f"{place}: has an invalid host name"
            continue
        if preview_origins.is_anybodys(normalised):
            yield f"{place}: {pattern!r} lets in what others put there; put a name of your own behind the *"
        first = seen.setdefault(normalised, place)
        if first != place:
            yield f"{place}: {pattern!r} is listed twice, first as {first}"


def _shared_keys(content: Mapping[str, Any]) -> Iterator[str]:
    """Name bearer keys that would open more than one site."""
    seen: dict[str, str] = {}
    for place, key in _texts(content, "api_keys"):
        first = seen.setdefault(key, place)
        if first != place:
            yield f"{place}: is listed twice, first as {first}"


def _unspoken(content: Mapping[str, Any]) -> Iterator[str]:
    """Name languages that nobody would be spoken to in: there are no words for them here."""
    for s, site in _tables(content, "site"):
        entries = [(f"site[{s}]", site)]
        entries += [(f"site[{s}].moderator[{m}]", one) for m, one in _tables(site, "moderator")]
        for place, entry in entries:
            language = entry.get("language")
            if isinstance(language, str) and is_language(language.strip()) and not locales.tag(language.strip()):
                spoken = ", ".join(locales.LANGUAGES)
                advice = f"choose one of {spoken}, or a regional form such as de-AT"
                yield f"{place}.language: {language!r} is not available; {advice}"


def of_rules(content: Mapping[str, Any]) -> Iterator[str]:
    """Name rules of one name, and regular expressions, domains, scripts and words that are none."""
    for s, site in _tables(content, "site"):
        seen: dict[str, str] = {}
        for r, rule in _tables(site, "rule"):
            place = f"site[{s}].rule[{r}]"
            name = rule.get("name")
            if isinstance(name, str) and seen.setdefault(name.strip(), place) != place:
                yield f"{place}.name: {name!r} is listed twice, first as {seen[name.strip()]}.name"
            when = rule.get("when")
            if isinstance(when, dict):
                yield from _bad_conditions(f"{place}.when", when)


def _bad_conditions(place: str, when: Mapping[str, Any]) -> Iterator[str]:
    for at, text in _one_or_more(f"{place}.pattern", when.get("pattern")):
        try:
            Pattern(text)
        except InvalidPatternError as error:
            yield f"{at}: {text!r} is no regular expression that can be used here: {error}"
    for at, text in _one_or_more(f"{place}.domains", when.get("domains")):
        try:
            rules.domain(text)
        except ValueError:
            yield f"{at}: {text!r} is not a domain, such as example.org"
    for at, text in _one_or_more(f"{place}.script", when.get("script")):
        try:
            Script((text,))
        except ValueError:
            yield f"{at}: {text!r} is not the name of a script in Unicode, such as Cyrillic or Han"
    for at, text in _one_or_more(f"{place}.words", when.get("words")):
        if not rules.folded(text).strip():
            yield f"{at}: {text!r} has no letter or digit"


def _one_or_more(place: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the texts of a condition, which is one or a list, with their places; not those that are empty."""
    entries = [(place, value)] if isinstance(value, str) else []
    if isinstance(value, list):
        entries = [(f"{place}[{number}]", one) for number, one in enumerate(value) if isinstance(one, str)]
    for at, one in entries:
        if one.strip():
            yield at, one.strip()


def _tables(content: Mapping[str, Any], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield those entries of a list that are tables, whatever else is wrong around them."""
    entries = content.get(name)
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            yield number, entry


def _texts(content: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """Yield place and text of all sites' entries of one list."""
    for s, site in _tables(content, "site"):
        entries = site.get(name)
        for number, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entry, str):
                yield f"site[{s}].{name}[{number}]", entry.strip()


_WORDS = {
    "too_long": "is too long",
    "control_character": "contains a control character",
    "invalid_url": "is not an http(s) URL",
    "required": "is missing",
}


def named(messages: Any, place: str = "") -> Iterator[str]:
    """Spell out marshmallow's nested messages as `site[0].origins[1]: what is wrong`."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = f"[{name}]" if isinstance(name, int) else f".{name}" if place else str(name)
            yield from named(inner, place if name == "_schema" else f"{place}{step}")
    else:
        for message in messages:
            yield f"{place}: {_WORDS.get(message, message)}".removeprefix(": ")
