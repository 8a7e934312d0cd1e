#!/usr/bin/env python3
"""Point the comment forms of an exported WordPress site to the service, each with the address of its page.

Usage: point_forms.py --service https://comments.example.net FOLDER

Only the two places of a form that have to change are written, all else stays byte for byte. A page is named by its
`<link rel="canonical">`; pages without one are named in the output and left alone. It may be run again.
"""

import argparse
import re
import sys
from html import escape
from html.parser import HTMLParser
from pathlib import Path

ACTION = "/wp-comments-post.php"
_FORM = re.compile(r"<form\b[^>]*>", re.IGNORECASE)
_ACTION = re.compile(r"""(\baction\s*=\s*)(["'])(?P<url>[^"']*/wp-comments-post\.php)\2""", re.IGNORECASE)
_NAMED = re.compile(r"""<input type="hidden" name="page_url" value="[^"]*">""")


class _Canonical(HTMLParser):
    """Finds what a page says is its address."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.url = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "link" and not self.url and "canonical" in (found.get("rel") or "").lower().split():
            self.url = found.get("href") or ""


def pointed(page: str, service: str) -> str | None:
    """Return a page with its comment form pointed to the service; None where it has a form and no address."""
    if ACTION not in page:
        return page
    url = _Canonical(page).url
    if not url:
        return None

    def change(form: re.Match[str]) -> str:
        tag, count = _ACTION.subn(lambda found: f'{found[1]}"{escape(service + ACTION)}"', form[0])
        return f'{tag}<input type="hidden" name="page_url" value="{escape(url)}">' if count else tag

    return _FORM.sub(change, _NAMED.sub("", page))


def main() -> int:
    """Change all HTML files of a folder; return 1 where a page could not be named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--service", required=True, help="public URL of the service")
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    changed, nameless = 0, 0
    for path in sorted(asked.folder.rglob("*.html")):
        page = path.read_bytes().decode(errors="surrogateescape")
        found = pointed(page, asked.service.rstrip("/"))
        if found is None:
            nameless += 1
            sys.stderr.write(f"{path}: has a comment form and no canonical address\n")
        elif found != page:
            changed += 1
            path.write_bytes(found.encode(errors="surrogateescape"))
    sys.stdout.write(f"changed: {changed}\n")
    return 1 if nameless else 0


if __name__ == "__main__":
    sys.exit(main())
