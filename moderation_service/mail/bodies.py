"""The text of a mail in its two forms, encoded here: the library parses anew every header that it writes."""

from base64 import encodebytes
from binascii import b2a_qp
from email.message import EmailMessage
from email.policy import Policy

from moderation_service.mail import headers

_BOUNDARY = "=_alternative"
"""Neither transfer encoding ever writes `=_`, so it stands in no part."""

_LITERAL = bytes(byte for byte in range(0x80) if byte != ord("="))


def add(mail: EmailMessage, text: str, html: str) -> None:
    """Give a mail that holds nothing yet its text, and the same in HTML."""
    mail["MIME-Version"] = headers.tokens("MIME-Version", "1.0")
    mail["Content-Type"] = headers.tokens("Content-Type", "multipart/alternative;", f'boundary="{_BOUNDARY}"')
    policy = mail.policy
    mail.set_payload(
        [
            _part(policy, "plain", text, "quoted-printable"),
            _part(policy, "html", html, _shorter_encoding(html.encode())),
        ]
    )


def _part(policy: Policy, kind: str, content: str, encoding: str) -> EmailMessage:
    part = EmailMessage(policy=policy)
    part["Content-Type"] = headers.tokens("Content-Type", f"text/{kind};", 'charset="utf-8"')
    part["Content-Transfer-Encoding"] = headers.tokens("Content-Transfer-Encoding", encoding)
    plain = content.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").encode() + b"\n"
    encoded = b2a_qp(plain) if encoding == "quoted-printable" else encodebytes(plain)
    part.set_payload(encoded.decode("ascii"))
    return part


def _shorter_encoding(content: bytes) -> str:
    """Return the transfer encoding that makes a text shorter: what is hardly ASCII is half as long in base64."""
    escaped = len(content.translate(None, _LITERAL))
    return "base64" if 2 * escaped > len(content) // 3 else "quoted-printable"
