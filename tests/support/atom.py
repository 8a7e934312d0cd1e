"""Atom as the rules of feed validators want it: what every feed has to keep, checked of each one that is read."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, fromstring

ATOM = "{http://www.w3.org/2005/Atom}"
THREAD = "{http://purl.org/syndication/thread/1.0}"
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_IRI = re.compile(r"(?:[^\x00-\x20<>\"{}|\\^`\x7f%\[\]#]|%[0-9A-Fa-f]{2})+")
_URN = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HREF = re.compile(r"""<[^>]+\b(?:href|src)=["']([^"']*)""")


@dataclass(frozen=True, slots=True)
class AtomFeed:
    """A feed that keeps the rules."""

    ids: list[str]
    links: dict[str, str]
    root: Element


def read_atom(body: bytes) -> AtomFeed:
    """Read a feed; fail where it breaks a rule of RFC 4287, 4685 or 5005."""
    root = fromstring(body.decode())  # noqa: S314 - our own answer
    assert root.tag == f"{ATOM}feed"
    links = _links(root)
    entries = root.findall(f"{ATOM}entry")
    assert {"self", "alternate"} <= links.keys() <= {"self", "alternate", "first", "next"}
    for element in (root, *entries):
        _one_of_each(element, "id", "title", "updated")
    for entry in entries:
        _check_entry(entry)
    ids = [_text(entry, "id") for entry in entries]
    assert len(set(ids)) == len(ids)
    assert list(root)[len(root) - len(entries) :] == entries, "what describes a feed stands before its entries"
    for moment in [*root.iter(f"{ATOM}updated"), *root.iter(f"{ATOM}published")]:
        assert _RFC_3339.fullmatch(moment.text or ""), moment.text
    for answered in root.iter(f"{THREAD}in-reply-to"):
        assert _URN.fullmatch(answered.attrib["ref"])
        assert is_iri(answered.attrib["href"])
    return AtomFeed(ids, links, root)


def _check_entry(entry: Element) -> None:
    assert _URN.fullmatch(_text(entry, "id"))
    assert _links(entry).keys() == {"alternate"}
    [author] = entry.findall(f"{ATOM}author")
    assert {one.tag for one in author} <= {f"{ATOM}name", f"{ATOM}uri"}, "an author has no address"
    assert _text(author, "name").strip()
    uri = author.find(f"{ATOM}uri")
    assert uri is None or is_iri(uri.text or "")
    [content] = entry.findall(f"{ATOM}content")
    assert content.attrib == {"type": "html"}
    for address in _HREF.findall(content.text or ""):
        assert urlsplit(address).scheme in ("http", "https"), f"a relative address in an entry: {address}"


def is_iri(text: str) -> bool:
    """Tell whether a text is an absolute http(s) address as RFC 3987 spells it."""
    scheme, _, rest = text.partition("://")
    parts = rest.split("#")
    return scheme in ("http", "https") and len(parts) <= 2 and all(map(_IRI.fullmatch, filter(None, parts)))


def _one_of_each(element: Element, *names: str) -> None:
    for name in names:
        assert len(element.findall(f"{ATOM}{name}")) == 1, name
        assert _text(element, name).strip(), name


def _text(element: Element, name: str) -> str:
    return element.findtext(f"{ATOM}{name}") or ""


def _links(element: Element) -> dict[str, str]:
    found = element.findall(f"{ATOM}link")
    for one in found:
        assert is_iri(one.attrib["href"]), one.attrib["href"]
        assert one.attrib["type"] in ("text/html", "application/atom+xml")
    links = {one.attrib["rel"]: one.attrib["href"] for one in found}
    assert len(links) == len(found), "two links of one relation"
    return links
