"""JSON Feed 1.1, with what a comment answers under `_thread`."""

from collections.abc import Sequence
from typing import Any

from moderation_service.web.http.responses import to_json
from moderation_service.web.public.feed_document import BY_SITE, Entry, FeedDocument, item_id
from schemas.feeds import JSON_FEED_VERSION

MEDIA_TYPE = "application/feed+json"


def document(feed: FeedDocument, items: Sequence[bytes]) -> bytes:
    """Write a feed around its items."""
    head: dict[str, Any] = {
        "version": JSON_FEED_VERSION,
        "title": feed.title,
        "language": feed.language,
        "home_page_url": feed.home_url,
        "feed_url": feed.url,
    }
    if feed.next_url is not None:
        head["next_url"] = feed.next_url
    return to_json(head).removesuffix(b"}") + b',"items":[' + b",".join(items) + b"]}"


def item(one: Entry) -> bytes:
    """Write an item."""
    comment = one.comment
    author = {"name": comment.author_name} | ({} if one.author_url is None else {"url": one.author_url})
    value: dict[str, Any] = {
        "id": item_id(comment.id),
        "url": one.url,
        "title": one.title,
        "content_html": one.html,
        "date_published": comment.created_at,
        "date_modified": comment.changed_at,
        "authors": [author],
    }
    if comment.by_site:
        value["tags"] = [BY_SITE]
    if comment.parent_id is not None:
        value["_thread"] = {"in_reply_to": item_id(comment.parent_id), "url": one.parent_url}
    return to_json(value)
