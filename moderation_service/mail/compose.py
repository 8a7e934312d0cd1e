"""From a message in the domain's terms to one that a mail server takes."""

import unicodedata
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from moderation_service.domain import notices
from moderation_service.domain.links import Link, Links
from moderation_service.domain.notices import Message, Notice
from moderation_service.mail import headers
from moderation_service.mail.letters import host_of, identify, write

_IN_SUBJECT = 60
_IN_PREVIEW = 120
_KEPT_CONTROLS = "\n\t"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One comment in a message as it is shown, with its moderator's own links."""

    notice: Notice
    author: str
    page: str
    body: str
    is_shortened: bool
    approve_url: str
    reject_url: str
    spam_url: str


class Composer:
    """Writes moderation mail in the moderator's language and time zone."""

    def __init__(self, *, public_url: str, sender: str, links: Links) -> None:
        self._public_url = public_url
        self._sender = sender
        self._links = links
        self.host = host_of(public_url)

    def new_message_id(self, unique: str) -> str:
        """Return a Message-ID that stays with a message over all its attempts."""
        return f"<{unique}@{self.host}>"

    def compose(self, message: Message) -> EmailMessage:
        """Return the mail of a message with at least one comment."""
        first = message.notices[0]
        items = [self._item(notice, in_full=not message.is_digest) for notice in message.notices]
        mail = write(
            _folder(message),
            language=first.moderator.language,
            sender=(first.site.name, self._sender),
            to=(first.moderator.name, first.moderator.email),
            values={
                "items": items,
                "total": message.total + message.beyond,
                "more": message.total + message.beyond - len(items),
                "is_reminder": message.is_reminder,
                "site": first.site,
                "sites": sorted({notice.site.name for notice in message.notices}),
                "moderator": first.moderator,
                "subject": _subject(items[0]),
                "preview": _shortened(" ".join(items[0].body.split()), _IN_PREVIEW),
                "desk_url": f"{self._public_url}/desk",
            },
        )
        identify(mail, message.message_id, message.created_at)
        self._add_list_headers(mail, message)
        return mail

    def sample(self, recipient: str, language: str, *, message_id: str, now: Any) -> EmailMessage:
        """Return a mail that shows that mail arrives; it tells of no comment."""
        mail = write(
            "sample",
            language=language,
            sender=(self.host, self._sender),
            to=("", recipient),
            values={"public_url": self._public_url},
        )
        identify(mail, message_id, now)
        return mail

    def _add_list_headers(self, mail: EmailMessage, message: Message) -> None:
        sites = {notice.site.id for notice in message.notices}
        pages = {notice.comment.page_id for notice in message.notices}
        mail["List-Id"] = headers.tokens(
            "List-Id", f"<{'.'.join((*sites, self.host)) if len(sites) == 1 else self.host}>"
        )
        if len(pages) == 1:
            mail["References"] = headers.tokens("References", f"<page.{pages.pop()}@{self.host}>")
        mail["X-Comments"] = str(message.total)

    def _item(self, notice: Notice, *, in_full: bool) -> Item:
        token = self._links.mint(
            Link(
                site_id=notice.site.id,
                moderator_id=notice.moderator.id,
                comment_id=notice.comment.id,
                revision=notice.comment.revision,
                address_hash=self._links.address_hash(notice.moderator.email),
            )
        )
        base = f"{self._public_url}/moderate/{token}"
        whole = _printable(notice.comment.body)
        body = whole if in_full else _shortened(whole, notices.IN_DIGEST)
        return Item(
            notice=notice,
            author=_printable(notice.comment.author_name),
            page=_printable(notice.comment.page_title or notice.comment.page_url),
            body=body,
            is_shortened=body != whole,
            approve_url=f"{base}/approve",
            reject_url=f"{base}/reject",
            spam_url=f"{base}/spam",
        )


def _folder(message: Message) -> str:
    if message.shortened:
        return "short_notice"
    return "digest" if message.is_digest else "moderation_request"


def _subject(item: Item) -> dict[str, str] | None:
    """Return who wrote where, short; None where that could put an author's address into a header."""
    if "@" in item.author + item.page:
        return None
    return {"author": _shortened(item.author, _IN_SUBJECT), "page": _shortened(item.page, _IN_SUBJECT)}


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def _printable(text: str) -> str:
    """Leave out control characters: they mean nothing in HTML and give orders to a terminal."""
    if text.isprintable():
        return text
    return "".join(one for one in text if one in _KEPT_CONTROLS or unicodedata.category(one) != "Cc")
