"""The HTML of each mail uses what the mail clients of most readers know, by the tables of caniemail.com."""

from collections import defaultdict
from email.message import EmailMessage

from moderation_service.domain.notifications.message import Notification
from tests.support.composed import KINDS, SUSPECT, a_mail, a_message, a_notification, composer
from tests.support.validators import unsupported_by

GMAIL = ("gmail.desktop-webmail", "gmail.ios", "gmail.android", "gmail.mobile-webmail")
OUTLOOK = ("outlook.windows", "outlook.windows-mail")
CLIENTS = (*GMAIL, *OUTLOOK, "apple-mail.macos", "apple-mail.ios", "thunderbird.macos")
STYLE_SHEET = {"<style> element", "@media", "Class selector", "Descendant combinator", "Type selector"}
"""What only the style sheet uses. All that a mail needs stands in the elements' own styles; the sheet adds colours
for the dark and room on a telephone, and sets the spaces of lists and quotes, which each client has of its own."""

ALLOWED = {
    "border-radius": set(OUTLOOK),  # corners are then square
    "display:none": {"gmail.mobile-webmail"},  # the preview is then a line above the mail
    "overflow": set(OUTLOOK),  # keeps the preview hidden where `display` is not enough
    "overflow-wrap": {*GMAIL, *OUTLOOK} - {"gmail.mobile-webmail"},  # `word-break` beside it does the same there
    "role attribute": {"outlook.windows-mail"},  # its reader then names the layout's tables
    "table-layout": set(OUTLOOK),  # the three buttons have widths of their own
    "word-break": {"outlook.windows-mail"},  # a word longer than the window then widens the mail
} | {feature: {"gmail.mobile-webmail"} for feature in STYLE_SHEET}
ALLOWED["@media"] |= {*OUTLOOK, "thunderbird.macos"}


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def rich(number: int) -> Notification:
    """A comment with all the markup there is, suspicious, and an answer to one that is gone."""
    body = "**a** *b* `c` [d](https://evil.example)\n\n> e\n\n- f\n\n1. g\n\n```\nh\n```\n" + "w" * 3_000
    return a_notification(
        number,
        body=body,
        parent_id="01900000-0000-7000-8000-000000000000",
        author_url="https://giuliana.example",
        assessment=SUSPECT,
    )


def test_no_mail_uses_what_a_common_mail_client_does_not_support_beyond_a_short_list() -> None:
    mails = {kind: html_of(a_mail(kind, "en")) for kind in (*KINDS, "sample", "login", "attack", "statement")}
    mails["all markup"] = html_of(composer().compose(a_message(rich(1))))
    mails["all markup in a digest"] = html_of(composer().compose(a_message(rich(1), rich(2))))
    found: defaultdict[str, set[str]] = defaultdict(set)
    for pairs in unsupported_by(CLIENTS, mails).values():
        for feature, client in pairs:
            found[feature].add(client)
    assert found == ALLOWED
