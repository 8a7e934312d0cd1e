"""From a message in the domain's terms to one that a mail server takes."""

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage

from moderation_service.domain.moderation.link import Link
from moderation_service.domain.moderation.links import Links
from moderation_service.domain.notifications.message import Message, Notification
from moderation_service.mail import headers, presentation
from moderation_service.mail.presentation import Item, Named
from moderation_service.mail.rendering import Mailbox, host_of, identify, size_of_html, write

MOST_HTML = 90_000
"""How many bytes of HTML a mail has at most; Gmail hides what stands behind 102 kB."""

_CUTS = (20_000, 8_000, 2_000)
"""To how many characters a text is cut in HTML, one after the other, until the mail is small enough."""


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
        items = [
            presentation.item(notification, self._link(notification), in_full=not message.is_digest)
            for notification in message.notifications
        ]
        for fewer in _ever_shorter(items):
            mail = self._write(message, fewer)
            if size_of_html(mail) <= MOST_HTML:
                break
        return mail

    def _write(self, message: Message, items: list[Item]) -> EmailMessage:
        first = message.notifications[0]
        total = message.total + message.beyond
        waiting = [item for item in items if not item.notification.is_published]
        harmless = [item for item in waiting if not item.notification.is_probable_spam]
        mail = write(
            _folder(message),
            language=first.moderator.language,
            sender=(first.site.name, self._sender),
            to=(first.moderator.name, first.moderator.email),
            reply_to=_reply_to(message),
            values={
                "items": waiting,
                "published": [item for item in items if item.notification.is_published],
                "total": total,
                "suspects": message.suspects,
                "more": max(total - len(waiting), 0),
                "is_reminder": message.is_reminder,
                "site": first.site,
                "sites": sorted({notification.site.name for notification in message.notifications}),
                "moderator": first.moderator,
                "subject": _subject(items[0].named),
                "desk_url": f"{self._public_url}/desk",
                "approve_all_url": self._approve_all(harmless),
                "harmless": harmless,
            },
        )
        identify(mail, message.message_id, message.created_at)
        self._add_list_headers(mail, message)
        return mail

    def sample(self, recipient: str, language: str, *, message_id: str, now: datetime) -> EmailMessage:
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
        sites = {notification.site.id for notification in message.notifications}
        pages = {notification.comment.page_id for notification in message.notifications}
        mail["List-Id"] = headers.tokens(
            "List-Id", f"<{'.'.join((*sites, self.host)) if len(sites) == 1 else self.host}>"
        )
        if len(pages) == 1:
            mail["References"] = headers.tokens("References", f"<page.{pages.pop()}@{self.host}>")
        mail["X-Comments"] = headers.tokens("X-Comments", str(message.total + message.published))

    def _link(self, notification: Notification) -> str:
        return f"{self._public_url}/moderate/{self._links.mint(self._link_of(notification))}"

    def _approve_all(self, items: list[Item]) -> str | None:
        """Return the link that approves several comments at once, None where there are not so many."""
        if len(items) <= 1:
            return None
        token = self._links.of_digests.mint([self._link_of(item.notification) for item in items])
        return f"{self._public_url}/moderate/{token}/all"

    def _link_of(self, notification: Notification) -> Link:
        return Link(
            site_id=notification.site.id,
            moderator_id=notification.moderator.id,
            comment_id=notification.comment.id,
            revision=notification.comment.newest_revision,
            address_hash=self._links.address_hash(notification.moderator.email),
        )


def _ever_shorter(items: list[Item]) -> Iterator[list[Item]]:
    """Yield what may be shown, less each time: fewer comments, at last one with less of its text."""
    count = len(items)
    while count > 1:
        yield items[:count]
        count = count * 3 // 4
    yield items[:1]
    for limit in _CUTS:
        yield [items[0].cut(limit)]


def _folder(message: Message) -> str:
    if message.shortened:
        return "short_notice"
    return "digest" if message.is_digest else "moderation_request"


def _reply_to(message: Message) -> list[Mailbox]:
    """Return where answers go: to every site of the message that reads them."""
    sites = {notification.site.id: notification.site for notification in message.notifications}
    return [(site.name, site.reply_to) for site in sites.values() if site.reply_to is not None]


def _subject(named: Named) -> Named | None:
    """Return who wrote where; None where that could put an author's address into a header."""
    return None if "@" in unicodedata.normalize("NFKC", f"{named.author}{named.page}{named.answered}") else named
