"""From a message in the domain's terms to one that a mail server takes."""

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import urlsplit

from moderation_service.domain.links import Link, Links
from moderation_service.domain.notices import Message, Notice
from moderation_service.templating import environment

_POLICY = SMTP.clone(max_line_length=78)
_WORD_JOINER = "\u2060"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One comment in a message, with its moderator's own links."""

    notice: Notice
    approve_url: str
    reject_url: str
    spam_url: str


class Composer:
    """Writes moderation mail in the moderator's language and time zone."""

    def __init__(self, *, public_url: str, sender: str, links: Links) -> None:
        self._public_url = public_url
        self._sender = sender
        self._links = links
        self.host = urlsplit(public_url).hostname or "localhost"

    def new_message_id(self, unique: str) -> str:
        """Return a Message-ID that stays with a message over all its attempts."""
        return f"<{unique}@{self.host}>"

    def compose(self, message: Message) -> EmailMessage:
        """Return the mail of a message with at least one comment."""
        first = message.notices[0]
        templates = environment(("moderation_service.mail",), first.moderator.language)
        folder = "short_notice" if message.shortened else "moderation_request"
        values = {
            "items": [self._item(notice) for notice in message.notices],
            "total": message.total,
            "site": first.site,
            "moderator": first.moderator,
            "desk_url": f"{self._public_url}/desk",
        }
        mail = EmailMessage(policy=_POLICY)
        subject = templates.get_template(f"{folder}/subject.txt").render(values)
        mail["Subject"] = _literal(" ".join(subject.split()))
        mail["From"] = Address(display_name=_literal(first.site.name), addr_spec=self._sender)
        mail["To"] = Address(display_name=_literal(first.moderator.name), addr_spec=first.moderator.email)
        mail["Date"] = format_datetime(message.created_at)
        mail["Message-ID"] = message.message_id
        self._add_list_headers(mail, message)
        mail.set_content(templates.get_template(f"{folder}/body.txt").render(values), cte="quoted-printable")
        mail.add_alternative(
            templates.get_template(f"{folder}/body.html").render(values),
            subtype="html",
            cte="quoted-printable",
        )
        return mail

    def _add_list_headers(self, mail: EmailMessage, message: Message) -> None:
        sites = {notice.site.id for notice in message.notices}
        pages = {notice.comment.page_url for notice in message.notices}
        mail["List-Id"] = f"<{'.'.join((*sites, self.host)) if len(sites) == 1 else self.host}>"
        if len(pages) == 1 and len(sites) == 1:
            comment = message.notices[0].comment
            mail["References"] = f"<page.{comment.page_id}@{self.host}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail["X-Comments"] = str(message.total)

    def _item(self, notice: Notice) -> Item:
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
        return Item(
            notice=notice,
            approve_url=f"{base}/approve",
            reject_url=f"{base}/reject",
            spam_url=f"{base}/spam",
        )


def _literal(text: str) -> str:
    """Keep a header from being decoded (RFC 2047) where somebody wrote what looks like an encoded word.

    The email package decodes it on assignment, line breaks included, and fails on what it cannot encode again.
    A word joiner, which nobody sees, between its first two characters makes it plain text.
    """
    return text.replace("=?", f"={_WORD_JOINER}?")
