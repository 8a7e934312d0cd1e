"""A comment in plain words: from the safe HTML that `markup` makes to text for those who see no HTML."""

from html.parser import HTMLParser

_BLOCKS = frozenset({"p", "pre", "blockquote", "ul", "ol"})
_BULLET = "- "
_QUOTED = "> "
_BEFORE_ELLIPSIS = " \n,;:–-"


def words(rendered: str) -> str:
    """Return in plain words what `markup.render` made: lists and quotes keep marks, links show their target."""
    writer = _Writer()
    writer.feed(rendered)
    writer.close()
    return writer.text()


def shortened(text: str, limit: int) -> str:
    """Cut a text to at most `limit` characters with an ellipsis; between words, if one ends in the second half."""
    if len(text) <= limit:
        return text
    cut = text[:limit]
    end = max(cut.rfind(" "), cut.rfind("\n"))
    kept = cut[:end] if end > limit // 2 else cut[: limit - 1]
    return f"{kept.rstrip(_BEFORE_ELLIPSIS)}…"


class _Writer(HTMLParser):
    """Writes lines as the tags come; what `markup` lets through is well-formed."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._line = ""
        self._prefixes: list[str] = []
        self._next: list[str] = []
        self._counters: list[int | None] = []
        self._target: tuple[str, int] | None = None
        self._in_pre = False

    def text(self) -> str:
        self._break()
        return "\n".join(self._lines).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _BLOCKS:
            self._break()
            if not self._counters and self._lines and self._lines[-1].strip(" >"):
                self._lines.append("".join(self._next).rstrip())
        if tag == "br":
            self._break(always=True)
        elif tag == "a":
            self._target = (given.get("href") or "", len(self._line))
        elif tag == "pre":
            self._in_pre = True
        elif tag == "blockquote":
            self._push(_QUOTED, _QUOTED)
        elif tag in {"ul", "ol"}:
            self._counters.append(int(given.get("start") or 1) if tag == "ol" else None)
        elif tag == "li":
            self._item()

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._target is not None:
            target, start = self._target
            if self._line[start:].strip() != target:
                self._line += f" ({target})"
            self._target = None
        if tag in _BLOCKS or tag == "li":
            self._break()
        if tag == "pre":
            self._in_pre = False
        elif tag in {"blockquote", "li"}:
            self._prefixes.pop()
            self._next.pop()
        elif tag in {"ul", "ol"}:
            self._counters.pop()

    def handle_data(self, data: str) -> None:
        if not self._in_pre:
            self._line += data.replace("\n", "")
            return
        *whole, rest = data.split("\n")
        for line in whole:
            self._line += line
            self._break(always=True)
        self._line += rest

    def _item(self) -> None:
        self._break()
        number = self._counters[-1]
        if number is None:
            self._push(_BULLET, " " * len(_BULLET))
        else:
            self._push(f"{number}. ", " " * len(f"{number}. "))
            self._counters[-1] = number + 1

    def _push(self, first: str, rest: str) -> None:
        self._prefixes.append(rest)
        self._next.append(first)

    def _break(self, *, always: bool = False) -> None:
        """End a line; an empty one is written only where the text has a line break."""
        if self._line.strip() or always:
            self._lines.append(f"{''.join(self._next)}{self._line}".rstrip())
            self._next = list(self._prefixes)
            self._target = self._target and (self._target[0], 0)
        self._line = ""
