"""Writing a mail from a folder of templates: subject, text and HTML."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import idna

from moderation_service.domain import addresses
from moderation_service.templating import environment

_POLICY = SMTP.clone(max_line_length=78)
_WORD_JOINER = "\u2060"


def write(folder: str, *, language: str, sender: Address, to: Address, values: dict[str, Any]) -> EmailMessage:
    """Return a mail in both forms, marked as one that no machine should answer."""
    templates = environment(("moderation_service.mail",), language)
    mail = EmailMessage(policy=_POLICY)
    subject = templates.get_template(f"{folder}/subject.txt").render(values)
    mail["Subject"] = _literal(" ".join(subject.split()))
    mail["From"] = sender
    mail["To"] = to
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    text = templates.get_template(f"{folder}/body.txt").render(values)
    mail.set_content(text.strip() + "\n", cte="quoted-printable")
    html = templates.get_template(f"{folder}/body.html").render(values)
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    return mail


def address(name: str, email: str) -> Address:
    """Return an address for a header; given in one piece, the library takes none outside ASCII."""
    local, _, domain = addresses.on_the_wire(email).rpartition("@")
    return Address(display_name=_literal(name), username=local, domain=domain)


def host_of(public_url: str) -> str:
    """Return a URL's host as a mail names it: IDNA for a name, brackets around an IP address (RFC 5321, 4.1.3)."""
    name = urlsplit(public_url).hostname or "localhost"
    try:
        address = ip_address(name)
    except ValueError:
        return idna.encode(name, uts46=True).decode()
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"  # noqa: PLR2004 - the protocol's version


def _literal(text: str) -> str:
    """Keep a header from being decoded (RFC 2047) where somebody wrote what looks like an encoded word.

    The email package decodes it on assignment, line breaks included, and fails on what it cannot encode again.
    A word joiner, which nobody sees, between its first two characters makes it plain text.
    """
    return text.replace("=?", f"={_WORD_JOINER}?")
