"""Our Markdown, written from plain text and from HTML; what it cannot say is counted, and its words are kept."""

import html
import re
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import unquote

DEEPEST = 40
"""How deep lists and quotes may lie in each other."""

_SPECIAL = re.compile(r"([\\`*\[\]]|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|&(?=#?\w{1,31};)|!(?=\[))")
_AT_START = re.compile(r"^( {0,3})([-+>](?=\s|$|>)|>|~~~|\d{1,9}[.)](?=\s|$))")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")
_TRAILING = re.compile(r"[ \t]+\n")
_LINK = re.compile(r"https?://(?![^/?#]*@)[^/\s]\S*", re.IGNORECASE)
_BARE = re.compile(r"https?://[^\s<>\"*_`\[\]()]+", re.IGNORECASE)
_REDIRECT = re.compile(r"https?://disq\.us/url\?url=([^&]+?)(?:%3A|:)[\w-]+(?:&.*)?$", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\n\r\f]+")

_PARAGRAPHS = frozenset({"p", "div", "section", "article", "dd", "dt", "dl", "figure", "figcaption", "address"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*", "cite": "*"}
_DROPPED = frozenset({"script", "style", "template", "noscript", "head", "title", "object", "math"})
_EMBEDDED = frozenset({"iframe", "video", "audio", "embed", "svg", "canvas", "form"})
_EMPTY = frozenset({"br", "img", "hr", "embed", "input", "source", "wbr", "col"})
_SAID_WITHOUT = frozenset(
    {"span", "font", "small", "u", "ins", "abbr", "time", "mark", "body", "html", "tt", "label"}
)
_STRUCK = frozenset({"del", "s", "strike"})


def plain(text: str) -> str:
    """Return a text without markup as Markdown that reads the same, its lines kept."""
    body = _BLANK_LINES.sub("\n\n", "\n".join(_escaped_line(one) for one in text.split("\n")))
    return body.strip()


def _escaped_line(text: str) -> str:
    return _guarded(_escaped(text.strip()))


def _guarded(text: str) -> str:
    """Escape what would begin a list, a quote or code at the beginning of a line."""
    match = _AT_START.match(text)
    if match is None:
        return text
    mark = match[2]
    escaped = f"{mark[:-1]}\\{mark[-1]}" if mark[0].isdigit() else f"\\{mark}"
    return match[1] + escaped + text[match.end() :]


def _escaped(text: str) -> str:
    """Escape what would be markup; within bare addresses everything stays, for they are links as they are."""
    if "://" not in text:
        return _SPECIAL.sub(r"\\\1", text)
    parts, last = [], 0
    for match in _BARE.finditer(text):
        parts += [_SPECIAL.sub(r"\\\1", text[last : match.start()]), match[0]]
        last = match.end()
    return "".join([*parts, _SPECIAL.sub(r"\\\1", text[last:])])


def from_html(text: str, losses: Counter[str], *, keeps_lines: bool) -> str:
    """Return HTML as Markdown, and count in `losses` what that cannot say.

    With `keeps_lines` a line break of the text is one of the comment, as in systems that keep lines beside markup.
    """
    writer = _Writer(losses, keeps_lines=keeps_lines)
    try:
        writer.feed(text)
        writer.close()
    except AssertionError:  # what the parser of Python raises for some declarations
        losses["markup that cannot be read"] += 1
        return plain(html.unescape(re.sub(r"<[^>]*>", "", text)))
    return writer.result()


class _Block:
    """What is written of a quote, a list's entry or the whole text: finished blocks, and a begun paragraph."""

    def __init__(self, tag: str, first: str = "", rest: str = "") -> None:
        self.tag = tag
        self.first = first
        self.rest = rest
        self.done: list[str] = []
        self.line: list[str] = []
        self.is_tight = tag == "li"
        self.ends_list = False


class _Writer(HTMLParser):
    """Writes Markdown as the tags come, whatever is missing or crossed among them."""

    def __init__(self, losses: Counter[str], *, keeps_lines: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._losses = losses
        self._keeps_lines = keeps_lines
        self._blocks = [_Block("")]
        self._lists: list[int | None] = []
        self._marks: list[str] = []
        self._links: list[tuple[str, int]] = []
        self._dropping: list[str] = []
        self._pre: list[str] | None = None
        self._code: list[str] | None = None

    def result(self) -> str:
        self._end_code()
        self._end_pre()
        while len(self._blocks) > 1:
            self._close_block()
        self._end_paragraph()
        return _TRAILING.sub("\n", "\n\n".join(self._blocks[0].done)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._dropping:
            if tag == self._dropping[-1]:
                self._dropping.append(tag)
        elif tag in _DROPPED:
            self._dropping.append(tag)
            self._losses["scripts and styles"] += tag in ("script", "style")
        elif self._pre is None:
            self._begin(tag, {name: value or "" for name, value in attrs})
        elif tag == "br":
            self._pre.append("\n")

    def _begin(self, tag: str, given: dict[str, str]) -> None:
        start = getattr(self, f"_start_{tag}", None)
        if start is not None:
            start(given)
        elif tag in _PARAGRAPHS:
            self._end_paragraph()
        elif tag in _HEADINGS:
            self._end_paragraph()
            self._losses["headings"] += 1
            self._mark("**")
        elif tag in _MARKS:
            self._mark(_MARKS[tag])
        elif tag in _EMBEDDED:
            self._embed(given)
        elif tag in _STRUCK:
            self._losses["struck out text"] += 1
        elif tag not in _SAID_WITHOUT and tag not in _EMPTY:
            self._losses["other markup"] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _EMPTY:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._dropping:
            if tag == self._dropping[-1]:
                self._dropping.pop()
        elif tag == "pre":
            self._end_pre()
        elif self._pre is None:
            self._end(tag)

    def _end(self, tag: str) -> None:
        if tag in ("code", "kbd", "samp"):
            self._end_code()
        elif tag == "a":
            self._end_link()
        elif tag in _MARKS:
            self._unmark(_MARKS[tag])
        elif tag in _HEADINGS:
            self._unmark("**")
            self._end_paragraph()
        elif tag in ("blockquote", "li"):
            self._close_to(tag)
        elif tag in ("ul", "ol"):
            self._end_list()
        elif tag in _PARAGRAPHS or tag in ("tr", "table"):
            self._end_paragraph()

    def _end_list(self) -> None:
        if self._lists:
            self._close_to("li", only_if_inner=True)
            self._lists.pop()
            self._end_paragraph()

    def handle_data(self, data: str) -> None:
        if self._dropping:
            return
        if self._pre is not None:
            self._pre.append(data)
        elif self._code is not None:
            self._code.append(data)
        elif self._keeps_lines:
            self._say_lines(data)
        else:
            self._say(_SPACES.sub(" ", data))

    def _say_lines(self, data: str) -> None:
        for number, paragraph in enumerate(re.split(r"\n[ \t]*\n\s*", data)):
            if number:
                self._end_paragraph()
            for place, one in enumerate(paragraph.split("\n")):
                if place:
                    self._break()
                self._say(one)

    def _say(self, text: str) -> None:
        if not text:
            return
        written = self._blocks[-1].line
        if text[0] == " " and (not written or written[-1].endswith((" ", "\n"))):
            text = text.lstrip(" ")
        if text:
            written.append(_escaped(text))

    def _break(self) -> None:
        written = self._blocks[-1].line
        while written and written[-1].endswith(" "):
            written[-1] = written[-1].rstrip(" ")
            if written[-1]:
                break
            written.pop()
        if written:
            written.append("\n")

    def _mark(self, mark: str) -> None:
        self._marks.append(mark)
        self._blocks[-1].line.append(_Mark(mark))

    def _unmark(self, mark: str) -> None:
        if mark not in self._marks:
            return
        while self._marks:
            last = self._marks.pop()
            _close_mark(self._blocks[-1].line, last)
            if last == mark:
                return

    def _start_br(self, _: dict[str, str]) -> None:
        self._break()

    def _start_hr(self, _: dict[str, str]) -> None:
        self._end_paragraph()
        self._losses["lines across"] += 1

    def _start_tr(self, _: dict[str, str]) -> None:
        self._end_paragraph()

    def _start_table(self, _: dict[str, str]) -> None:
        self._end_paragraph()
        self._losses["tables"] += 1

    def _start_td(self, _: dict[str, str]) -> None:
        if self._blocks[-1].line:
            self._say(" | ")

    _start_th = _start_td

    def _start_img(self, given: dict[str, str]) -> None:
        alt, source = given.get("alt", "").strip(), given.get("src", "").strip()
        is_sign = "emo" in given.get("class", "") or "smil" in given.get("class", "")
        if is_sign and alt:
            self._say(alt)
            return
        self._losses["images"] += 1
        if _LINK.fullmatch(source) and not is_sign:
            self._linked(source, alt or "")
        elif alt:
            self._say(alt)

    def _embed(self, given: dict[str, str]) -> None:
        self._losses["embedded media"] += 1
        source = given.get("src", "")
        if _LINK.fullmatch(source):
            self._linked(source, "")

    def _linked(self, target: str, words: str) -> None:
        if words and (spelled := _spelled(target)):
            self._blocks[-1].line.append(f"[{_escaped(words)}]({spelled})")
        else:
            self._blocks[-1].line.append(target)

    def _start_a(self, given: dict[str, str]) -> None:
        self._end_link()
        target = _without_redirect(html.unescape(given.get("href", "")).strip())
        self._links.append((target, len(self._blocks[-1].line)))

    def _end_link(self) -> None:
        if not self._links:
            return
        target, start = self._links.pop()
        written = self._blocks[-1].line
        words = "".join(written[start:])
        if not target or start > len(written):
            return
        if not _LINK.fullmatch(target):
            self._losses["links that lead to no website"] += not target.startswith("#")
            return
        shown = html.unescape(words.replace("\\", "")).strip()
        is_cut = shown.endswith(("...", "…")) and target.partition("://")[2].startswith(
            re.sub(r"^https?://", "", shown).rstrip(".…")
        )
        del written[start:]
        if not shown or shown == target or is_cut or shown == target.removesuffix("/"):
            written.append(target)
        elif spelled := _spelled(target):
            written.append(f"[{words.strip()}]({spelled})" + (" " if words.endswith(" ") else ""))
        else:
            written += [words, " ", target]

    def _start_code(self, _: dict[str, str]) -> None:
        if self._code is None:
            self._code = []

    _start_kbd = _start_samp = _start_code

    def _end_code(self) -> None:
        if self._code is None:
            return
        text = "".join(self._code).replace("\n", " ").strip()
        self._code = None
        if text:
            ticks = "`" * (max((len(one) for one in re.findall(r"`+", text)), default=0) + 1)
            pad = " " if text.startswith("`") or text.endswith("`") else ""
            self._blocks[-1].line.append(f"{ticks}{pad}{text}{pad}{ticks}")

    def _start_pre(self, _: dict[str, str]) -> None:
        self._end_paragraph()
        self._pre = []

    def _end_pre(self) -> None:
        if self._pre is None:
            return
        text = "".join(self._pre).strip("\n")
        self._pre = None
        if text.strip():
            fence = "`" * max(3, max((len(one) for one in re.findall(r"`+", text)), default=0) + 1)
            self._blocks[-1].done.append(f"{fence}\n{text}\n{fence}")

    def _start_blockquote(self, _: dict[str, str]) -> None:
        self._open_block(_Block("blockquote", "> ", "> "))

    def _start_ul(self, _: dict[str, str]) -> None:
        self._end_paragraph()
        self._lists.append(None)

    def _start_ol(self, given: dict[str, str]) -> None:
        self._end_paragraph()
        start = given.get("start", "1")
        self._lists.append(int(start) if start.isdecimal() and len(start) < 9 else 1)  # noqa: PLR2004

    def _start_li(self, _: dict[str, str]) -> None:
        if self._blocks[-1].tag == "li" and sum(one.tag == "li" for one in self._blocks) >= len(self._lists):
            self._close_block()
        number = self._lists[-1] if self._lists else None
        first = "- " if number is None else f"{number}. "
        if self._lists and number is not None:
            self._lists[-1] = number + 1
        self._open_block(_Block("li", first, " " * len(first)))

    def _open_block(self, block: _Block) -> None:
        self._end_paragraph()
        if len(self._blocks) > DEEPEST:
            return
        self._blocks.append(block)

    def _close_to(self, tag: str, *, only_if_inner: bool = False) -> None:
        if only_if_inner and self._blocks[-1].tag != tag:
            return
        if any(one.tag == tag for one in self._blocks):
            while self._blocks[-1].tag != tag:
                self._close_block()
            self._close_block()

    def _close_block(self) -> None:
        self._end_paragraph()
        block = self._blocks.pop()
        inner = ("\n" if block.is_tight and _is_tight(block.done) else "\n\n").join(block.done)
        if not inner.strip():
            return
        first, *others = inner.split("\n")
        rows = [block.first + first, *((block.rest + one).rstrip() for one in others)]
        outer = self._blocks[-1]
        text = "\n".join(rows)
        if block.tag == "li" and outer.done and outer.ends_list:
            outer.done[-1] += f"\n{text}"
        else:
            outer.done.append(text)
        outer.ends_list = block.tag == "li"

    def _end_paragraph(self) -> None:
        block = self._blocks[-1]
        self._links.clear()
        marks = list(self._marks)
        for mark in reversed(marks):
            _close_mark(block.line, mark)
        text = "".join(block.line).strip()
        block.line.clear()
        if text:
            block.done.append("\n".join(_guarded(one.strip()) for one in text.split("\n")))
            block.ends_list = False
        for mark in marks:
            block.line.append(_Mark(mark))


class _Mark(str):
    """A mark that was begun and is not closed yet."""

    __slots__ = ()


def _close_mark(written: list[str], mark: str) -> None:
    """Close the last mark of a kind: around its words without blanks at the ends, or nowhere if there are none."""
    for place in range(len(written) - 1, -1, -1):
        if isinstance(written[place], _Mark) and written[place] == mark:
            words = "".join(written[place + 1 :])
            core = words.strip()
            del written[place:]
            if not core:
                if words:
                    written.append(words)
                return
            lead, trail = words[: words.index(core)], words[words.index(core) + len(core) :]
            written.append(f"{lead}{mark}{_BLANK_LINES.sub(chr(10), core)}{mark}{trail}")
            return


def _is_tight(done: list[str]) -> bool:
    return all(not one.startswith(("```", ">")) for one in done[1:])


def _spelled(target: str) -> str | None:
    """Return a link's address as it stands in parentheses, None where it cannot."""
    return target.replace("(", "%28").replace(")", "%29") if not re.search(r"[<>\\\s]", target) else None


def _without_redirect(target: str) -> str:
    match = _REDIRECT.fullmatch(target)
    return unquote(match[1]) if match else target
