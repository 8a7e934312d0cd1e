"""Whatever a header holds, two readers that know nothing of each other get it back as it was written."""

import re
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.policy import default as modern
from email.utils import getaddresses
from typing import Any

import pytest
from fast_mail_parser import parse_email
from hypothesis import given
from hypothesis import strategies as st

from moderation_service.mail import headers

_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?[^?\s]*\?=", re.IGNORECASE)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
WORDS = st.lists(
    st.sampled_from(
        ["Chi", "siamo", "“Chi", "siamo”", "ta", "décision", "漢字", "=?", "?=", "\u0301", "a" * 90, "é" * 50]
    )
)
STRANGE = [
    "“Chi siamo”",
    "Rédaction : ta décision, s’il te plaît",
    "Ein sehr langer Betreff, der in einer Zeile allein keinen Platz hat, und ohne Umlaut auskommen muss",
    "=?utf-8?q?evil?=",
    "=?utf-8?b?" + "A" * 80 + "?=",
    "x\r\nBcc: all@example.org",
    "\u202eevil\u2069 \x00\x1b[31m \u2028 \xa0 \t",
    '"quoted" \\ (comment) <a@b>, c; d:',
    "é" * 300,
    "e" + "\u0301" * 100,
    "👩‍👩‍👧‍👦" * 40,
    "w" * 300,
    "_ = ? =20 ==",
    "",
]


def raw(header: headers.Header, policy: "EmailPolicy[EmailMessage]" = SMTP) -> bytes:
    """A mail with this header as it goes over the wire."""
    mail = EmailMessage(policy=SMTP)
    mail[header.name] = header
    mail["X-Comments"] = "1"
    mail.set_content("text")
    return mail.as_bytes(policy=policy)


def lines_of(mail: bytes) -> list[bytes]:
    return mail.split(b"\r\n\r\n")[0].split(b"\r\n")


def assert_well_written(mail: bytes, *, longest: int = 78) -> None:
    """Short lines, short encoded words, no line of white space, and no header that nobody wrote."""
    lines = lines_of(mail)
    for line in lines:
        assert line.strip()
        assert line.isascii()
        assert len(line) <= (76 if b"=?" in line else longest)
        assert all(len(word) <= 75 for word in _WORD.findall(line.decode()))
    names = [line.partition(b":")[0] for line in lines if not line.startswith(b" ")]
    assert names[1:] == [b"X-Comments", b"Content-Type", b"Content-Transfer-Encoding", b"MIME-Version"]


def by_legacy_reader(mail: bytes, name: str) -> str:
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", message_from_bytes(mail)[name])
    return str(make_header(decode_header(unfolded)))


def assert_subject_is_read_back(value: str) -> None:
    mail = raw(headers.text("Subject", value))
    assert_well_written(mail)
    wanted = headers.clean(value)
    assert message_from_bytes(mail, policy=modern)["Subject"] == wanted
    assert by_legacy_reader(mail, "Subject") == wanted
    assert parse_email(mail).subject == wanted


def assert_names_are_read_back(name: str, *shown: str) -> None:
    people = [(one, f"person{number}@example.org") for number, one in enumerate(shown)]
    mail = raw(headers.mailboxes(name, *people))
    assert_well_written(mail)
    wanted = [(headers.clean(one), email) for one, email in people]
    read = parse_email(mail)
    by_name: dict[str, list[Any]] = {"From": [read.from_], "To": read.to, "Reply-To": read.reply_to}
    seen = by_name[name]
    assert [(one.display_name or "", one.address) for one in seen] == wanted
    legacy = getaddresses([" ".join(message_from_bytes(mail)[name].split())])
    assert [(str(make_header(decode_header(one))) if one else "", email) for one, email in legacy] == wanted
    if not re.search(rb"\?=\s+=\?", mail):
        # Python's newer reader puts a space between the encoded words of one name; RFC 2047, 6.2 forbids it.
        modern_seen = message_from_bytes(mail, policy=modern)[name].addresses
        assert [(one.display_name, one.addr_spec) for one in modern_seen] == wanted


@given(ANY | WORDS.map(" ".join))
def test_a_random_subject_is_read_back_by_every_reader(value: str) -> None:
    assert_subject_is_read_back(value)


@pytest.mark.parametrize("value", STRANGE)
def test_a_strange_subject_is_read_back_by_every_reader(value: str) -> None:
    assert_subject_is_read_back(value)


@given(ANY | WORDS.map(" ".join), ANY)
def test_random_names_are_read_back_by_every_reader(value: str, other: str) -> None:
    assert_names_are_read_back("From", value)
    assert_names_are_read_back("Reply-To", value, other)


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize("name", ["From", "To", "Reply-To"])
def test_a_strange_name_is_read_back_by_every_reader(name: str, value: str) -> None:
    assert_names_are_read_back(name, value)


def test_identifiers_are_never_broken_or_encoded() -> None:
    long = f"<page.{'1' * 36}@{'comments.' * 20}example.net>"
    mail = raw(headers.tokens("References", long, "<2@example.net>"))
    assert_well_written(mail, longest=300)
    assert message_from_bytes(mail)["References"].split() == [long, "<2@example.net>"]


def test_a_local_part_outside_ascii_goes_as_it_is_to_a_server_that_takes_it() -> None:
    mail = raw(headers.mailboxes("To", ("Jörg", "jörg@bücher.example")), SMTPUTF8)
    assert " <jörg@bücher.example>\r\n".encode() in mail
