"""XML entry by entry in constant memory, by a parser that opens nothing and expands no entity of the file."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Self
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler

from defusedxml import DefusedXmlException
from defusedxml import sax as defused

from moderation_service.domain.importing.records import BrokenFileError
from moderation_service.importing.sources import Stream, blocks

_CONTROLS = bytes(one for one in range(32) if one not in b"\t\n\r")
_REFERENCES = re.compile(rb"&#(?:x0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2\d|3[01]));")
_BARE_NUMBER = re.compile(rb"(<[\w:]{1,40} [\w:]{1,20})=(\d{1,20})(\s*/?>)")
"""An attribute that lacks its quotation marks, as in some of Disqus's files."""
_HELD_BACK = 96
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DEEPEST = 200
_SEARCHED = 1024 * 1024


@dataclass(slots=True)
class Element:
    """An element by its name without prefix; of attributes, too, only the last part of the name counts.

    The line is known of those that were asked for; `firsts` are the first of its children of each name.
    """

    name: str
    attributes: dict[str, str]
    line: int
    parent: Self | None = field(repr=False)
    parts: list[str] = field(default_factory=list)
    children: list[Self] = field(default_factory=list)
    firsts: dict[str, Self] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What stands directly in it."""
        return "".join(self.parts)

    def child(self, name: str) -> Self | None:
        """Return the first child of a name."""
        return self.firsts.get(name)

    def all(self, name: str) -> list[Self]:
        """Return all children of a name."""
        return [one for one in self.children if one.name == name]

    def get(self, name: str) -> str:
        """Return the trimmed text of the first child of a name, empty where there is none."""
        found = self.firsts.get(name)
        return "" if found is None else "".join(found.parts).strip()


def elements(
    stream: Stream, wanted: Collection[str], *, ignored: Collection[str] = ()
) -> Iterator[tuple[Element, int]]:
    """Return the elements of some names as they end, each with the line of its begin.

    An element that ends within another wanted one comes first, and is no longer among that one's children. All
    else is read past; so are `ignored` ones. Raise BrokenFileError with the line where the file breaks.
    """
    handler = _Handler(wanted, ignored, stream.longest)
    parser = defused.make_parser()
    parser.setContentHandler(handler)
    handler.parser = parser
    try:
        for block in _clean(_from_first_bracket(stream), stream.longest):
            parser.feed(block)
            yield from handler.taken()
        parser.close()
    except SAXParseException as error:
        yield from handler.taken()
        line, column = error.getLineNumber(), error.getColumnNumber()
        reason = f"is no well-formed XML: {error.getMessage()}"
        raise BrokenFileError(f"line {line:,}, column {column}", reason) from error
    except DefusedXmlException as error:
        yield from handler.taken()
        reason = "declares entities, which may be a trap; take the declaration out"
        raise BrokenFileError(f"line {parser.getLineNumber():,}", reason) from error
    except BrokenFileError:
        yield from handler.taken()
        raise
    except (LookupError, UnicodeError, ValueError) as error:
        yield from handler.taken()
        raise BrokenFileError("", f"its encoding cannot be read: {error}") from error
    yield from handler.taken()


class _Handler(ContentHandler):
    def __init__(self, wanted: Collection[str], ignored: Collection[str], longest: int) -> None:
        super().__init__()
        self._longest = longest
        self.parser: Any = None
        self._wanted = frozenset(wanted)
        self._ignored = frozenset(ignored)
        self._path: list[Element | None] = []
        self._inside = 0
        self._passing = 0
        self._size = 0
        self._found: list[tuple[Element, int]] = []

    def taken(self) -> list[tuple[Element, int]]:
        """Return what ended since the last time."""
        found, self._found = self._found, []
        return found

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - the protocol of SAX
        if len(self._path) >= _DEEPEST:
            raise BrokenFileError(self._place(), f"has elements within each other more than {_DEEPEST} deep")
        local = name.rpartition(":")[2]
        self._size = 0
        if self._passing or (self._inside and local in self._ignored):
            self._passing += 1
            self._path.append(None)
            return
        is_wanted = local in self._wanted
        if not self._inside and not is_wanted:
            self._path.append(None)
            return
        self._inside += is_wanted
        outer = self._path[-1] if self._path else None
        given = {key.rpartition(":")[2]: value for key, value in attrs.items()} if len(attrs) else {}
        line = self.parser.getLineNumber() if is_wanted else 0
        self._path.append(Element(local, given, line, outer))

    def endElement(self, name: str) -> None:  # noqa: N802 - the protocol of SAX
        del name
        element = self._path.pop()
        if element is None:
            self._passing -= self._passing > 0
            return
        if element.name in self._wanted:
            self._inside -= 1
            self._found.append((element, element.line))
        elif element.parent is not None:
            element.parent.children.append(element)
            element.parent.firsts.setdefault(element.name, element)

    def characters(self, content: str) -> None:
        self._size += len(content)
        if self._size > self._longest:
            raise BrokenFileError(self._place(), f"has a text of more than {self._longest // 1024**2} MB")
        element = self._path[-1] if self._path else None
        if element is not None:
            element.parts.append(content)

    def _place(self) -> str:
        return f"line {self.parser.getLineNumber():,}"


def _from_first_bracket(stream: Stream) -> Iterator[bytes]:
    """Pass over what stands before the document, as blank lines and warnings of programs do."""
    passed = 0
    found = False
    for block in blocks(stream):
        if found or block.startswith(_UTF16):
            found = True
            yield block
            continue
        start = block.find(b"<")
        if start >= 0:
            found = True
            yield block[start:]
        else:
            passed += len(block)
        if passed > _SEARCHED:
            break
    if not found:
        raise BrokenFileError("", "is no XML: there is no < in it")


def _clean(found: Iterator[bytes], longest: int) -> Iterator[bytes]:
    """Leave out control characters and references to them, which no XML may hold."""
    rest = b""
    is_wide = None
    since = 0
    for block in found:
        end = block.rfind(b">")
        since = len(block) - end if end >= 0 else since + len(block)
        if since > longest:
            raise BrokenFileError("", f"has a text of more than {longest // 1024**2} MB")
        if is_wide is None:
            is_wide = block.startswith(_UTF16)
        if is_wide:
            yield block
            continue
        data = rest + block.translate(None, _CONTROLS)
        begun = max(data.rfind(one, max(0, len(data) - _HELD_BACK)) for one in (b"&", b"<"))
        rest = data[begun:] if begun >= 0 else b""
        yield _mended(data[: len(data) - len(rest)])
    if rest:
        yield _mended(rest)


def _mended(data: bytes) -> bytes:
    return _BARE_NUMBER.sub(rb'\1="\2"\3', _REFERENCES.sub(b"", data))
