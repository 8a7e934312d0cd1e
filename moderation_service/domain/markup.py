"""From a comment's Markdown to safe HTML: paragraphs, emphasis, code, quotes, lists and links, nothing else."""

import html
import re

import nh3
from markdown_it import MarkdownIt

RENDERER = 1
"""The version of these rules; stored beside each rendering so that old ones can be found and renewed."""

_TAGS = {"p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a"}
_ATTRIBUTES: dict[str, set[str]] = {"*": set(), "a": {"href"}, "ol": {"start"}}
_MOST_BARE_LINKS = 100
_REL = "nofollow ugc noopener"
_LEADS_NOWHERE = re.compile(rf'<a rel="{_REL}">(.*?)</a>', re.DOTALL)
_LINK = re.compile(r"https?://[^/]", re.IGNORECASE)
_PLAIN = re.compile(r"(?:[^\W\d_][^\n\\`*_\[\]<>&~:\t\xa0]*[^\s\\`*_\[\]<>&~:](?:\n\n?(?!\n)|\Z))+")
_ANCHOR = re.compile(r'<a href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")

_RULES = ["emphasis", "backticks", "escape", "entity", "newline", "link", "autolink", "balance_pairs"]
_BLOCKS = ["blockquote", "list", "fence", "code", "fragments_join"]


def _is_link(url: str) -> bool:
    """Tell whether a link may be one; what is none comes out as it was typed, not as a link to nowhere."""
    return _LINK.match(url) is not None


def _parser(*, linkify: bool) -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False, "breaks": True, "linkify": linkify, "maxNesting": 20})
    parser.enable(_RULES + _BLOCKS)
    parser.validateLink = _is_link  # type: ignore[method-assign]
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

    A link with an address that the cleaner cannot read loses its anchor and keeps its words.
    Bare addresses become links, unless there are so many that looking for them would take seconds.
    """
    if _PLAIN.fullmatch(body):
        return _paragraphs(body)
    parser = _LINKIFYING if 0 < body.count("://") <= _MOST_BARE_LINKS else _MARKDOWN
    return _LEADS_NOWHERE.sub(r"\1", _CLEANER.clean(parser.render(body)))


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
