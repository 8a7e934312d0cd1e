"""Taking the comments of a site out: all of it as JSON lines, for WordPress, or as static files for its pages."""

import hashlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.keys import KeyRing
from moderation_service.storage.comments import contacts
from moderation_service.storage.engine.database import Database
from moderation_service.storage.operations import exports
from moderation_service.storage.operations.exports import ExportedComment, ExportedPage

FORMAT, VERSION = "moderation-service", 1

_APPROVED = {
    Status.APPROVED: "1",
    Status.PENDING: "0",
    Status.REJECTED: "trash",
    Status.SPAM: "spam",
}
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_PARAGRAPHS = re.compile(r"</p>\n(?:<p>)?|<p>")
_LINE_BREAKS = re.compile(r"<br>\n")
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 100

_WXR_BEGIN = """<?xml version="1.0" encoding="UTF-8" ?>
<rss version="2.0"
  xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:wp="http://wordpress.org/export/1.2/">
<channel>
<title>{name}</title>
<link>{origin}</link>
<wp:wxr_version>1.2</wp:wxr_version>
<wp:base_site_url>{origin}</wp:base_site_url>
<wp:base_blog_url>{origin}</wp:base_blog_url>
"""
_WXR_ITEM = """<item>
<title>{title}</title>
<link>{url}</link>
<guid isPermaLink="false">{url}</guid>
<content:encoded><![CDATA[]]></content:encoded>
<wp:post_id>{number}</wp:post_id>
<wp:post_date_gmt>{date}</wp:post_date_gmt>
<wp:comment_status>{comment_status}</wp:comment_status>
<wp:status>publish</wp:status>
<wp:post_type>post</wp:post_type>
"""
_WXR_COMMENT = """<wp:comment>
<wp:comment_id>{number}</wp:comment_id>
<wp:comment_author>{author}</wp:comment_author>
<wp:comment_author_email>{email}</wp:comment_author_email>
<wp:comment_author_url>{url}</wp:comment_author_url>
<wp:comment_date>{date}</wp:comment_date>
<wp:comment_date_gmt>{date}</wp:comment_date_gmt>
<wp:comment_content>{content}</wp:comment_content>
<wp:comment_approved>{approved}</wp:comment_approved>
<wp:comment_type>comment</wp:comment_type>
<wp:comment_parent>{parent}</wp:comment_parent>
{by_site}</wp:comment>
"""
_WXR_BY_SITE = """<wp:commentmeta>
<wp:meta_key>by_site</wp:meta_key>
<wp:meta_value>1</wp:meta_value>
</wp:commentmeta>
"""
_WXR_END = "</channel>\n</rss>\n"


class Exporting:
    """An export of one site; authors' addresses are in it only `with_addresses`."""

    def __init__(self, database: Database, keys: KeyRing, site: Site, *, with_addresses: bool) -> None:
        self._database = database
        self._keys = keys
        self._site = site
        self._with_addresses = with_addresses

    async def json_lines(self) -> AsyncIterator[tuple[bytes, int]]:
        """Return the site as JSON lines, each with how many comments it holds: the same for the same comments."""
        yield _line({"type": "export", "format": FORMAT, "version": VERSION, "site": self._site.id}), 0
        async for page in exports.site_pages(self._database, self._site.id):
            said = {"title": page.title, "commenting": page.commenting}
            if any(said.values()):
                yield _line({"type": "page", "url": page.url, **said}), 0
        for old, new in await exports.aliases(self._database, self._site.id):
            yield _line({"type": "alias", "old": old, "new": new}), 0
        async for batch in exports.site_comments(self._database, self._site.id):
            for one in batch:
                yield _line(self._comment(one)), 1

    async def wordpress(self) -> AsyncIterator[tuple[bytes, int]]:
        """Return the site as an export of WordPress: a post for each page, withdrawn comments left out."""
        origin = self._site.origins[0] if self._site.origins else ""
        yield _WXR_BEGIN.format(name=_xml(self._site.name), origin=_xml(origin)).encode(), 0
        number = posts = 0
        async for page in exports.site_pages(self._database, self._site.id):
            numbers: dict[str, int] = {}
            async for batch in exports.page_comments(self._database, page.id, list(_APPROVED)):
                if not numbers:
                    posts += 1
                    yield _item(page, batch[0], posts), 0
                for one in batch:
                    number += 1
                    numbers[one.id] = number
                    yield self._wordpress_comment(one, number, numbers.get(one.parent_id or "", 0)), 1
            if numbers:
                yield b"</item>\n", 0
        yield _WXR_END.encode(), 0

    async def static(self, folder: Path) -> AsyncIterator[int]:
        """Write what readers see of each page as a file into a folder; `index.json` names them all."""
        index: dict[str, str] = {}
        async for page in exports.site_pages(self._database, self._site.id):
            shown: list[dict[str, Any]] = []
            title = page.title
            async for batch in exports.page_comments(self._database, page.id, [Status.APPROVED]):
                title = title or next((one.page_title for one in batch if one.page_title), None)
                shown += [_public(one) for one in batch]
            if not shown:
                continue
            name = _file_name(page.url)
            written = {"page_url": page.url, "page_title": title, "count": len(shown), "comments": shown}
            (folder / name).write_bytes(_line(written))
            index[page.url] = name
            yield len(shown)
        (folder / "index.json").write_bytes(_line(dict(sorted(index.items()))))

    def _comment(self, one: ExportedComment) -> dict[str, Any]:
        found: dict[str, Any] = {
            "type": "comment",
            "id": one.id,
            "page_url": one.page_url,
            "page_title": one.page_title,
            "parent_id": one.parent_id,
            "root_id": one.root_id,
            "status": one.status,
            "revision": one.revision,
            "author_name": one.author_name,
            "author_url": one.author_url,
            "by_site": one.by_site,
            "body": one.body,
            "created_at": moment(one.created_at),
            "changed_at": moment(one.changed_at),
        }
        if self._with_addresses:
            found["author_email"] = self._address(one)
        if one.decisions:
            found["history"] = [
                {
                    "decision": entry.decision,
                    "from": entry.from_status,
                    "to": entry.to_status,
                    "revision": entry.revision,
                    "means": entry.means,
                    "moderator_id": entry.moderator_id,
                    "name": entry.actor_name,
                    "reason": entry.reason,
                    "rule": entry.rule,
                    "note": entry.note,
                    "at": moment(entry.at),
                    **({} if entry.answer_id is None else {"answer_id": entry.answer_id}),
                    **({} if entry.redacted_as is None else {"redacted_as": entry.redacted_as}),
                }
                for entry in one.decisions
            ]
        if one.author_changes:
            found["author_changes"] = [
                {
                    "action": entry.action,
                    "revision": entry.revision,
                    "of_published": entry.of_published,
                    "at": moment(entry.at),
                }
                for entry in one.author_changes
            ]
        if one.edit is not None:
            found["edit"] = {
                "revision": one.edit.revision,
                "body": one.edit.body,
                "at": moment(one.edit.at),
                **({"redacted": True} if one.edit.redacted else {}),
            }
        if one.redacted:
            found["redacted"] = True
        if one.original is not None:
            found["original"] = {
                "revision": one.original.revision,
                "body": one.original.body,
                "at": moment(one.original.at),
                "redacted_at": moment(one.original.redacted_at),
            }
        return found

    def _address(self, one: ExportedComment) -> str | None:
        if not one.address_sealed:
            return None
        return self._keys.open(one.address_sealed, table=contacts.TABLE, row=one.id)

    def _wordpress_comment(self, one: ExportedComment, number: int, parent: int) -> bytes:
        return _WXR_COMMENT.format(
            number=number,
            author=_cdata(one.author_name),
            email=_xml(self._address(one) or "" if self._with_addresses else ""),
            url=_xml(one.author_url or ""),
            date=_wordpress_date(one.created_at),
            content=_cdata(_wordpress_text(one.body_html)),
            approved=_APPROVED[one.status],
            parent=parent,
            by_site=_WXR_BY_SITE if one.by_site else "",
        ).encode()


def _item(page: ExportedPage, first: ExportedComment, number: int) -> bytes:
    return _WXR_ITEM.format(
        title=_cdata(page.title or first.page_title or page.url),
        url=_xml(page.url),
        number=number,
        date=_wordpress_date(first.created_at),
        comment_status="closed" if page.commenting == "closed" else "open",
    ).encode()


def _public(one: ExportedComment) -> dict[str, Any]:
    return {
        "id": one.id,
        "parent_id": one.parent_id,
        "author_name": one.author_name,
        "author_url": one.author_url,
        "by_site": one.by_site,
        "body": one.body,
        "body_html": one.body_html,
        "created_at": moment(one.created_at),
        "redacted": one.redacted,
    }


def _file_name(url: str) -> str:
    """Return a page's file name: from its path, with a hash of the address, so that no two pages share one."""
    path = _NO_NAME.sub("-", urlsplit(url).path.strip("/")).strip("-.") or "index"
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return f"{path[:_LONGEST_NAME]}-{digest}.json"


def _line(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def moment(at: datetime) -> str:
    """Return a moment as files have it, in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _wordpress_text(rendered: str) -> str:
    """Return HTML as WordPress keeps it: without paragraphs, which it makes of blank lines."""
    return _PARAGRAPHS.sub("\n\n", _LINE_BREAKS.sub("\n", rendered)).strip()


def _wordpress_date(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _xml(text: str) -> str:
    return escape(_NO_XML.sub("", text), quote=False)


def _cdata(text: str) -> str:
    return "<![CDATA[" + _NO_XML.sub("", text).replace("]]>", "]]]]><![CDATA[>") + "]]>"
