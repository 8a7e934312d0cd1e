"""A whole mail is read back as it was written, by two parsers that know nothing of each other."""

from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP
from email.policy import default as modern
from email.utils import getaddresses
from typing import Any
from unittest.mock import patch

import pytest
from fast_mail_parser import parse_email
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation_service.domain.notifications.message import Notification
from moderation_service.locales import LANGUAGES
from moderation_service.mail import bodies, headers
from moderation_service.mail.login import LoginComposer
from tests.support.composed import KINDS, NOW, PUBLIC, a_message, a_notification, composer

SENDER, ANSWERS = "moderation@example.net", "redazione@example.org"
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=80)
"""What the sites file lets pass as a name."""
LONGER = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400)
STRANGE = (
    "“Chi siamo” — Rédaction : ta décision, s’il te plaît",
    "=?utf-8?q?evil?= =20 = .\r\n.\r\nFrom nowhere\r\n--=_alternative--\r\n\r\nBcc: all@example.org",
    "\u202eevil\u2069 \x00\x1b[31m \x85 \u2028 \xa0 \t \ufeff \ufffe",
    '"quoted" \\ (comment) <a@b>, c; d:',
    "e" + "\u0301" * 100 + " 👩‍👩‍👧‍👦" * 40 + " " + "w" * 1_200,
    "مريم שלום 日本語の文章はスペースなしで続きます。" + "漢" * 200,
)


def assert_read_back(
    compose: Callable[[], EmailMessage],
    *,
    sender: tuple[str, str],
    to: tuple[str, str],
    answers: list[tuple[str, str]],
) -> None:
    """Subject, mailboxes, text and HTML of a mail are for both parsers what was given to the mail."""
    with patch.object(bodies, "add", autospec=True, side_effect=bodies.add) as spy:
        mail = compose()
    text, html = (given.removesuffix("\n") + "\n" for given in spy.call_args.args[1:])
    raw = mail.as_bytes(policy=SMTP)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    people = {
        name: [(headers.clean(shown), address) for shown, address in listed]
        for name, listed in {"From": [sender], "To": [to], "Reply-To": answers}.items()
    }
    written = {"Subject": headers.clean(str(mail["Subject"])), **people, "text": text, "html": html}
    assert by_python(raw) == written
    assert by_fast_mail_parser(raw) == written


def by_python(raw: bytes) -> dict[str, Any]:
    read = message_from_bytes(raw, policy=modern)
    assert not any(part.defects for part in read.walk())
    legacy = message_from_bytes(raw)

    def people(name: str) -> list[tuple[str, str]]:
        # The newer reader puts a space between the encoded words of one name; RFC 2047, 6.2 forbids it.
        listed = getaddresses([" ".join(str(legacy.get(name, "")).split())])
        return [(str(make_header(decode_header(shown))), address) for shown, address in listed if address]

    def part(kind: str) -> str:
        found = read.get_body((kind,))
        assert found is not None
        return str(found.get_content()).replace("\r\n", "\n")

    return {
        "Subject": str(read["Subject"]),
        **{name: people(name) for name in ("From", "To", "Reply-To")},
        "text": part("plain"),
        "html": part("html"),
    }


def by_fast_mail_parser(raw: bytes) -> dict[str, Any]:
    read = parse_email(raw)
    assert not read.warnings
    assert not read.attachments
    mailboxes: dict[str, list[Any]] = {"From": [read.from_], "To": read.to, "Reply-To": read.reply_to}
    [text], [html] = read.text_plain, read.text_html
    return {
        "Subject": read.subject,
        **{name: [(one.display_name or "", one.address) for one in found] for name, found in mailboxes.items()},
        "text": text.replace("\r\n", "\n"),
        "html": html.replace("\r\n", "\n"),
    }


def of(notification: Notification, site: str, moderator: str) -> Notification:
    """The notice, of a site and for a moderator with these names, where answers are read."""
    return replace(
        notification,
        site=replace(notification.site, name=site, reply_to=ANSWERS),
        moderator=replace(notification.moderator, name=moderator),
    )


def assert_notices_are_read_back(kind: str, *found: Notification) -> None:
    first = found[0]
    assert_read_back(
        lambda: composer().compose(a_message(*found, **KINDS[kind])),
        sender=(first.site.name, SENDER),
        to=(first.moderator.name, first.moderator.email),
        answers=[(first.site.name, ANSWERS)],
    )


def assert_login_is_read_back(language: str, site: str, moderator: str) -> None:
    notification = of(a_notification(language=language), site, moderator)
    logins = LoginComposer(public_url=PUBLIC, sender=SENDER)
    assert_read_back(
        lambda: logins.compose(notification.site, notification.moderator, login_id="1", token="token", now=NOW),
        sender=(site, SENDER),
        to=(moderator, "anna@example.org"),
        answers=[(site, ANSWERS)],
    )


@settings(max_examples=150)
@given(
    kind=st.sampled_from(list(KINDS)),
    language=st.sampled_from(LANGUAGES),
    author=ANY,
    title=ANY,
    body=LONGER,
    site=NAMES,
    moderator=NAMES,
)
def test_a_random_comment_is_read_back(
    kind: str, language: str, author: str, title: str, body: str, site: str, moderator: str
) -> None:
    notification = of(
        a_notification(language=language, author_name=author, page_title=title or None, body=body), site, moderator
    )
    assert_notices_are_read_back(kind, notification, *[notification] * (kind == "digest"))


@pytest.mark.parametrize("strange", STRANGE, ids=ascii)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_strange_comment_is_read_back(language: str, kind: str, strange: str) -> None:
    notification = of(
        a_notification(language=language, author_name=strange[:245], page_title=strange[:500], body=strange),
        headers.clean(strange),
        headers.clean(strange),
    )
    assert_notices_are_read_back(kind, notification, *[notification] * (kind == "digest"))


@given(language=st.sampled_from(LANGUAGES), site=NAMES, moderator=NAMES)
def test_a_log_in_mail_is_read_back_whatever_site_and_moderator_are_called(
    language: str, site: str, moderator: str
) -> None:
    assert_login_is_read_back(language, site, moderator)


@pytest.mark.parametrize("strange", STRANGE, ids=ascii)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_log_in_mail_with_strange_names_is_read_back(language: str, strange: str) -> None:
    assert_login_is_read_back(language, headers.clean(strange), headers.clean(strange))


@pytest.mark.parametrize("address", ["anna@example.org", "o'hara@example.org", "anna+tag@xn--bcher-kva.example"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sample_is_read_back(language: str, address: str) -> None:
    assert_read_back(
        lambda: composer().sample(address, language, message_id="<1@x>", now=NOW),
        sender=("comments.example.net", SENDER),
        to=("", address),
        answers=[],
    )
