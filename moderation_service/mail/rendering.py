"""Writing a mail from a folder of templates: subject, text and HTML."""

from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import idna

from moderation_service.mail import bodies, headers
from moderation_service.mail.sentences import Words
from moderation_service.templating import environment


class _Registry(HeaderRegistry):
    """The library's classes of headers; it makes each anew for every header, which took most of its time."""

    @cache  # noqa: B019 - there is one registry, and a class for each name of a header
    def __getitem__(self, name: str) -> type:
        """Return the class for a header."""
        made: type = super().__getitem__(name)
        return made


_POLICY = SMTP.clone(max_line_length=headers.LINE, header_factory=_Registry())

Mailbox = tuple[str, str]
"""A display name, which may be empty, and an address."""


def write(
    folder: str,
    *,
    language: str,
    sender: Mailbox,
    to: Mailbox,
    values: dict[str, Any],
    reply_to: Sequence[Mailbox] = (),
) -> EmailMessage:
    """Return a mail in both forms, marked as one that no machine should answer."""
    templates = environment(("moderation_service.mail",), language)
    values = values | {"say": Words(language, is_read=bool(reply_to))}
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = headers.text("Subject", templates.get_template(f"{folder}/subject.txt").render(values))
    mail["From"] = headers.mailboxes("From", sender)
    mail["To"] = headers.mailboxes("To", to)
    if reply_to:
        mail["Reply-To"] = headers.mailboxes("Reply-To", *reply_to)
    mail["Auto-Submitted"] = headers.tokens("Auto-Submitted", "auto-generated")
    mail["X-Auto-Response-Suppress"] = headers.tokens("X-Auto-Response-Suppress", "All")
    text = templates.get_template(f"{folder}/body.txt").render(values)
    html = templates.get_template(f"{folder}/body.html").render(values)
    bodies.add(mail, text.strip(), html)
    return mail


def identify(mail: EmailMessage, message_id: str, moment: datetime) -> None:
    """Say when a mail was written, and give it the identifier by which a copy is recognised."""
    mail["Date"] = headers.tokens("Date", format_datetime(moment))
    mail["Message-ID"] = headers.tokens("Message-ID", message_id)


def size_of_html(mail: EmailMessage) -> int:
    """Return the bytes of the HTML part, as it is read or as it is transferred with CRLF, whichever are more."""
    part = mail.get_body(("html",))
    if part is None:
        return 0
    encoded = str(part.get_payload())
    return max(len(part.get_payload(decode=True)), len(encoded) + encoded.count("\n"))


def host_of(public_url: str) -> str:
    """Return a URL's host as a mail names it: IDNA for a name, brackets around an IP address (RFC 5321, 4.1.3)."""
    name = urlsplit(public_url).hostname or "localhost"
    try:
        address = ip_address(name)
    except ValueError:
        return idna.encode(name, uts46=True).decode()
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"  # noqa: PLR2004 - the protocol's version
