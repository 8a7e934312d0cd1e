"""From a comment's Markdown to safe HTML: paragraphs, emphasis, code, quotes, lists and links, nothing else."""

import html
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import nh3
from markdown_it import MarkdownIt, helpers
from markdown_it.common import normalize_url
from markdown_it.rules_block import StateBlock, code, fence
from markdown_it.rules_inline import StateInline, backtick, emphasis, text

from moderation_service.domain.comments import link_words

RENDERER = 2
"""The version of these rules; stored beside each rendering so that old ones can be found and renewed."""

PLAIN_RENDERER = 0
"""What is stored instead where a text was shown as plain paragraphs, because it holds too much markup."""

MOST_WORK = 48_000
"""Steps that one text may take before it is shown as plain paragraphs; a step is somewhat below a microsecond."""

_TAGS = {"p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a"}
_ATTRIBUTES: dict[str, set[str]] = {"*": set(), "a": {"href"}, "ol": {"start"}}
_MOST_BARE_LINKS = 100
_LONGEST_BARE_LINKS = 5_000
_LONGEST_URL = 2_000
_REL = "nofollow ugc noopener"
_LEADS_NOWHERE = re.compile(rf'<a (?:href="" )?rel="{_REL}">(.*?)</a>', re.DOTALL)
_LINK = re.compile(r"https?://(?![^/?#]*@)[^/]", re.IGNORECASE)
"""An address that may be a link: without user information, which passes for a host (RFC 3986, 7.6)."""
_PLAIN = re.compile(r"(?:[^\W\d_][^\n\\`*_\[\]<>&~:\t\xa0]*[^\s\\`*_\[\]<>&~:](?:\n\n?(?!\n)|\Z))+")
_ANCHOR = re.compile(r'<a href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_MARKUP = re.compile(r"[\n\\`*_\[\]<&]|:(?=//)")
"""Where a rule may begin within a paragraph; all between is text."""
_RUN = re.compile(r"\*+|_+")
_TICKS = re.compile(r"`+")
_BARE_LINK = re.compile(r"://(\S*)")
_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
_PAUSE_EVERY = 500
_QUICK_LENGTH = 4_000
_QUICK_MARKS = 60
_QUICKLY_COUNTED = "\n\\`*_[]<&:"

_RULES = ["emphasis", "backticks", "escape", "entity", "newline", "link", "autolink", "balance_pairs"]
_BLOCKS = ["blockquote", "list", "fence", "code", "fragments_join"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """The HTML of a body, and the version of the rules behind it."""

    html: str
    renderer: int = RENDERER

    @property
    def is_simplified(self) -> bool:
        """Whether the text holds so much markup that it is shown as plain paragraphs."""
        return self.renderer == PLAIN_RENDERER


class _TooMuchWorkError(Exception):
    """A text would take more steps than one may."""


class _Work(threading.local):
    """What the text that this thread renders may still cost."""

    left: int = 0
    next_pause: int = 0
    pause: Callable[[], None] | None = None

    def begin(self, pause: Callable[[], None] | None) -> None:
        self.left, self.pause = MOST_WORK, pause
        self.next_pause = MOST_WORK - _PAUSE_EVERY

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise _TooMuchWorkError
        if self.pause is not None and self.left < self.next_pause:
            self.next_pause = self.left - _PAUSE_EVERY
            self.pause()


_work = _Work()


def _text(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the library's protocol
    """Count a step of the inline parser: this is the first of the rules that each of them asks."""
    _work.spend(2)
    return text(state, silent)


def _emphasis(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the library's protocol
    """Count each mark of a run: each becomes a token of its own."""
    if not silent and (run := _RUN.match(state.src, state.pos)) is not None:
        _work.spend(7 * (run.end() - state.pos))
    return emphasis.tokenize(state, silent)


def _backticks(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the library's protocol
    """Count the marks of a run, which are looked at one by one."""
    if (run := _TICKS.match(state.src, state.pos)) is not None:
        _work.spend(7 + (run.end() - state.pos) // 4)
    return backtick(state, silent)


def _code(state: StateBlock, first: int, last: int, silent: bool) -> bool:  # noqa: FBT001 - the library's protocol
    """Count a block: this is the first of the rules that each of them asks."""
    _work.spend(15)
    return code(state, first, last, silent)


def _fence(state: StateBlock, first: int, last: int, silent: bool) -> bool:  # noqa: FBT001 - the library's protocol
    """Count a line at each level that looks whether its block ends there."""
    _work.spend(4)
    return fence(state, first, last, silent)


def _link_label(state: StateInline, start: int, disableNested: bool = False) -> int:  # noqa: FBT001, FBT002, N803 - the library's protocol
    _work.spend(3)
    return helpers.parseLinkLabel(state, start, disableNested)


def _link_destination(source: str, position: int, end: int) -> Any:
    end = min(end, position + _LONGEST_URL)
    found = helpers.parseLinkDestination(source, position, end)
    _work.spend(10 + ((found.pos if found.ok else end) - position) // 8)
    return found


def _link_title(source: str, position: int, end: int) -> Any:
    end = min(end, position + _LONGEST_URL)
    found = helpers.parseLinkTitle(source, position, end)
    _work.spend(2 + ((found.pos if found.ok else position) - position) // 10)
    return found


def _normalised(url: str) -> str:
    """Spell a link's address as browsers do; what is too long for one stays as it is."""
    if len(url) > _LONGEST_URL:
        return url
    _work.spend(35 + len(url) // 2 if _is_link(url) else 4)
    return normalize_url.normalizeLink(url)


def _is_link(url: str) -> bool:
    """Tell whether a link may be one; what is none comes out as it was typed, not as a link to nowhere."""
    return len(url) <= 3 * _LONGEST_URL and _LINK.match(url) is not None


def _parser(*, linkify: bool) -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False, "breaks": True, "linkify": linkify, "maxNesting": 20})
    parser.enable(_RULES + _BLOCKS)
    parser.validateLink = _is_link  # type: ignore[method-assign]
    parser.normalizeLink = _normalised  # type: ignore[method-assign]
    parser.helpers = SimpleNamespace(  # type: ignore[assignment]
        parseLinkLabel=_link_label,
        parseLinkDestination=_link_destination,
        parseLinkTitle=_link_title,
    )
    parser.inline.terminator_re = _MARKUP
    parser.inline.ruler.at("text", _text)
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.inline.ruler.at("backticks", _backticks)
    parser.block.ruler.at("code", _code)
    parser.block.ruler.at("fence", _fence, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    if linkify:
        parser.enable("linkify")
        assert parser.linkify is not None  # noqa: S101 - the option above makes it
        parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    return parser


_MARKDOWN = _parser(linkify=False)
_LINKIFYING = _parser(linkify=True)
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    url_schemes={"http", "https"},
    link_rel=_REL,
)


def render(body: str) -> str:
    """Return the HTML of a trimmed body. Raw HTML and images in it come out as text.

    A link with an address that the cleaner cannot read loses its anchor and keeps its words. An address with user
    information is no link. A link whose words name another host becomes its words and the address behind them.
    Bare addresses become links, unless they are so many or so long that looking for them would take too long.
    """
    return rendering(body).html


def rendering(body: str, *, pause: Callable[[], None] | None = None) -> Rendering:
    """Return the HTML of a trimmed body, and whether it had to be shown as plain paragraphs.

    Work is counted, not timed: the same text comes out the same on every machine. `pause` is called every half
    millisecond or so of work.
    """
    if _PLAIN.fullmatch(body):
        return Rendering(html=_paragraphs(body))
    parser = _LINKIFYING if _has_few_links(body) else _MARKDOWN
    _work.begin(pause)
    try:
        _work.spend(_work_at_least(body))
        parsed = parser.render(body)
    except _TooMuchWorkError:
        return Rendering(html=_without_markup(body), renderer=PLAIN_RENDERER)
    return Rendering(html=link_words.without_deceit(_LEADS_NOWHERE.sub(r"\1", _CLEANER.clean(parsed))))


def _work_at_least(body: str) -> int:
    """Return the steps that are not counted on their way: of lines, escapes, and brackets that hold no link."""
    by_sign = 2 * sum(map(body.count, "\n&\\")) + sum(map(body.count, '<>"')) // 3
    return len(body) // 20 + by_sign + 10 * max(0, body.count("[") - body.count("]("))


def _has_few_links(body: str) -> bool:
    """Tell whether there are bare addresses, and few and short enough to look for."""
    if not 0 < body.count("://") <= _MOST_BARE_LINKS:
        return False
    return sum(map(len, _BARE_LINK.findall(body))) <= _LONGEST_BARE_LINKS


def is_quick(body: str) -> bool:
    """Tell whether rendering takes a millisecond at most, by what a text holds of what may be markup."""
    return len(body) <= _QUICK_LENGTH and sum(map(body.count, _QUICKLY_COUNTED)) <= _QUICK_MARKS


def with_links_as_text(rendered: str) -> str:
    """Return the HTML of `render` with nothing to click: a link's words, and beside them where it leads."""
    return _ANCHOR.sub(_spelled_out, rendered)


def _spelled_out(link: re.Match[str]) -> str:
    target, words = html.unescape(link[1]), link[2]
    if html.unescape(_TAG.sub("", words)).strip() == target:
        return f'<span class="link">{words}</span>'
    return f'<span class="link">{words}</span> <span class="target">({html.escape(target)})</span>'


def _paragraphs(body: str) -> str:
    """Render what holds no markup at all, thirty times faster than the parser and to the same letter."""
    inner = "</p>\n<p>".join(paragraph.replace("\n", "<br>\n") for paragraph in body.split("\n\n"))
    return f"<p>{inner}</p>\n"


def _without_markup(body: str) -> str:
    """Render every character as it was typed, in paragraphs."""
    return _paragraphs(_BLANK_LINES.sub("\n\n", html.escape(body, quote=False)))
