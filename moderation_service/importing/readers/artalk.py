"""Artalk: its Artrans files, and rows of its database as YAML."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import yaml

from moderation_service.domain.importing.conversion import looks_like_html
from moderation_service.domain.importing.records import (
    BrokenFileError,
    Dialect,
    Entry,
    PageInfo,
    Record,
    State,
    Times,
)
from moderation_service.importing import json_entries, sources, values
from moderation_service.importing.sources import Source


def is_it(source: Source) -> bool:
    """Tell whether it has rows with Artalk's names."""
    head = source.begin
    is_json = head.lstrip().startswith("[") and '"page_key"' in head
    return is_json or (head.lstrip().startswith("- ") and "page_key:" in head)


def read(source: Source, times: Times) -> Iterator[Entry]:
    """Read the rows; the address of a page is that of its site with the page's key behind."""
    pages: set[str] = set()
    for number, row in _rows(source):
        site, key = values.text(row.get("site_name")), values.text(row.get("page_key"))
        page = f"{site} {key}"
        if page not in pages:
            pages.add(page)
            yield PageInfo(key=page, url=_address(row, key), title=values.text(row.get("page_title")))
        yield _comment(row, page, site, number, times)


def _rows(source: Source) -> Iterator[tuple[int, dict[str, Any]]]:
    if source.begin.lstrip().startswith("["):
        for _, number, row in json_entries.rows(source, {"item"}):
            yield number, row
        return
    with source.opened() as stream:
        text = sources.whole(stream, "the file")
    try:
        yield from enumerate(values.rows(yaml.safe_load(text)), start=1)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BrokenFileError("", f"is no YAML: {error}") from error


def _address(row: dict[str, Any], key: str) -> str:
    first = values.text(row.get("site_urls")).partition(",")[0].strip()
    return urljoin(first, key) if first.startswith(("http://", "https://")) and key else key


def _comment(row: dict[str, Any], page: str, site: str, number: int, times: Times) -> Record:
    parent = values.text(row.get("rid"))
    text = values.body(row.get("content"))
    comment_id = values.text(row.get("id"))
    stamp = values.text(values.pick(row, "created_at", "date"))
    return Record(
        id=f"{site} {comment_id}" if comment_id else "",
        key=f"{site} {comment_id}@{stamp}" if comment_id else "",
        parent=f"{site} {parent}" if parent not in ("", "0") else "",
        page=page,
        created=times(values.pick(row, "created_at", "date")),
        author_name=values.text(row.get("nick")),
        author_email=values.text(row.get("email")),
        author_url=values.text(row.get("link")),
        body=text,
        dialect=Dialect.HTML if looks_like_html(text) else Dialect.MARKDOWN,
        state=State.PENDING if values.flag(row.get("is_pending")) else State.APPROVED,
        place=f"comment {number:,}",
    )
