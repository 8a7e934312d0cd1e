"""A moderation mail says the same in text and HTML, in every language, whatever a commenter wrote."""

import re
import unicodedata
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from html import unescape
from html.parser import HTMLParser
from typing import Any

import html5lib
import pytest
from rich.cells import cell_len

from moderation_service import templating
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.links import Links
from moderation_service.domain.notifications.message import IN_FULL, Notification
from moderation_service.domain.screening import assessment as assessments
from moderation_service.domain.screening.assessment import HARMLESS, Assessment, Finding, Reason, Verdict
from moderation_service.locales import LANGUAGES
from moderation_service.mail.compose import MOST_HTML
from moderation_service.mail.sentences import Words
from tests.support.composed import (
    KINDS,
    NOW,
    PUBLIC,
    REPORTER_KINDS,
    SUSPECT,
    a_mail,
    a_message,
    a_notification,
    composer,
)
from tests.support.factories import ADDRESS, SECRET

NOBODY = "01900000-0000-7000-8000-000000000000"
STRANGEST = (
    "<script>alert(1)</script> &amp; {{ 7*7 }} %(name)s {% raw %}\n"
    ".\r\n.\nFrom nowhere\n\n\t    indented\n> quoted\n-- \n"
    "\x1b[31mred\x07 \x0b\x0c\x85\u2028\u2029 \u202eevil\u2069\u202c \ufeff\u200b\n"
    "https://evil.example/approve?x=<&y=\"'\n"
    "שלום עולם مرحبا 日本語の文章はスペースなしで続きます。"
    + "漢" * 200
    + "\n"
    + "w" * 300
    + "\n"
    + "👩‍👩‍👧‍👦" * 40
    + "\n"
)
WHOLE = STRANGEST + "é" * ((65_525 - len(STRANGEST.encode())) // 2)
NAME = '\u202e﷽ <b>"O\'Brien", ; Łukasz\u2069 مريم ' + "𝔘" * 200
TITLE = "Titel: „x“ =?utf-8?q?evil?= <i> \u2067" + "語" * 400


class Html(HTMLParser):
    """All that a mail's HTML would fetch or lead to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hrefs: set[str] = set()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_data(self, data: str) -> None:
        if not data.lstrip().startswith(":root"):
            self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.hrefs |= {value or "" for name, value in attrs if name == "href"}


def strangest(number: int, language: str) -> Notification:
    return a_notification(
        number,
        language,
        author_name=NAME[:245],
        page_title=TITLE[:500],
        page_url="https://www.example.org/?a=1&b=%22%3C%27&c=" + "x" * 1_900,
        author_url="https://evil.example/\"'<>&approve",
        body=WHOLE,
        assessment=SUSPECT if number % 2 else HARMLESS,
    )


def parsed(mail: EmailMessage) -> EmailMessage:
    """The mail as a client reads it, once a server has carried it."""
    raw = mail.as_bytes(policy=SMTP)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.isascii()
    return message_from_bytes(raw, policy=default)


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_strangest_comment_is_carried_in_every_template_and_language(kind: str, language: str) -> None:
    shown = [strangest(2 if kind == "single" else 1, language)]
    shown += [strangest(number, language) for number in range(2, 4) if kind != "single"]
    mail = parsed(composer().compose(a_message(*shown, **KINDS[kind])))
    assert not mail.defects
    assert all(not header.defects for header in mail.values() if hasattr(header, "defects"))
    text, html = part(mail, "plain"), part(mail, "html")

    html5lib.HTMLParser(strict=True, tree=html5lib.getTreeBuilder("etree")).parse(html)
    read = Html(html)
    assert read.tags.isdisjoint({"script", "img", "link", "iframe", "form", "object", "b", "i"})
    assert read.attributes.isdisjoint({"src", "onclick", "onload", "background"})
    assert "url(" not in html
    assert f'<html lang="{language}">' in html

    ours = {one for one in re.findall(r"^https?://\S+$", text, re.MULTILINE) if "evil" not in one}
    assert read.hrefs == ours
    assert {one for one in ours if one.startswith(PUBLIC)} >= {f"{PUBLIC}/desk"}
    assert len({one for one in ours if one.endswith("/approve")}) == len(shown)

    for content in (text, html):
        assert not [one for one in content if unicodedata.category(one) == "Cc" and one not in "\n\t"]
    for line in text.splitlines():
        assert cell_len(line) <= templating.COLUMNS or "://" in line, line
    if kind == "short notice":
        assert "O'Brien" not in text + html
        assert "alert" not in text + html
    else:
        assert "&lt;script&gt;" in html
        assert "> <script>alert(1)</script>" in text
        assert ("é" * 600 in html) is (kind == "single")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words_of_its_own(language: str) -> None:
    mail = parsed(composer().compose(a_message(a_notification(language=language))))
    english = {"Approve", "Reject", "Open the moderation area", "commented on"}
    found = {words for words in english if words in part(mail, "plain")}
    assert found == (english if language == "en" else set())


def test_the_headers_are_those_of_the_contract() -> None:
    mail = parsed(composer().compose(a_message(a_notification())))
    assert mail["Subject"] == "[Associazione dell'Esempio] Giuliana commented on “Chi siamo”"
    assert mail["From"] == "Associazione dell'Esempio <moderation@example.net>"
    assert mail["To"] == "Anna <anna@example.org>"
    assert mail["Date"].datetime == NOW
    assert mail["Message-ID"] == "<1@comments.example.net>"
    assert mail["References"] == "<page.11111111-1111-1111-1111-111111111111@comments.example.net>"
    assert mail["List-Id"] == "<coop.comments.example.net>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["X-Comments"] == "1"
    assert mail.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in mail.iter_parts()] == ["text/plain", "text/html"]


def test_a_digest_over_several_pages_belongs_to_no_page() -> None:
    other = a_notification(2, page_id="22222222-2222-2222-2222-222222222222")
    assert composer().compose(a_message(a_notification(), other))["References"] is None
    assert composer().compose(a_message(a_notification(), a_notification(2)))["References"] is not None


@pytest.mark.parametrize("field", ["author_name", "page_title"])
def test_an_address_that_a_commenter_gives_as_name_gets_into_no_header(field: str) -> None:
    mail = composer().compose(a_message(a_notification(**dict[str, Any]({field: ADDRESS}))))
    assert ADDRESS not in "".join(f"{name}: {value}" for name, value in mail.items())
    assert "One comment is waiting" in mail["Subject"]


def test_a_line_break_in_a_name_makes_no_header() -> None:
    injected = "x\r\nBcc: all@example.org"
    mail = parsed(composer().compose(a_message(a_notification(author_name=injected, page_title=injected))))
    assert mail["Bcc"] is None


def test_a_name_from_right_to_left_does_not_turn_the_line_around() -> None:
    mail = parsed(composer().compose(a_message(a_notification(author_name="مريم\u2069\u202e"))))
    assert "\u2068مريم\u2069 (g…@e….com)" in part(mail, "plain")
    assert "<strong>\u2068مريم\u2069</strong>" in part(mail, "html")
    assert mail["Subject"].startswith("[Associazione dell'Esempio] \u2068مريم\u2069")


@pytest.mark.parametrize(
    ("public_url", "host"),
    [
        ("https://comments.example.net", "comments.example.net"),
        ("http://127.0.0.1:8080", "[127.0.0.1]"),
        ("http://[::1]:8080/base", "[IPv6:::1]"),
        ("https://bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_the_host_of_a_message_id_is_one_that_a_mail_may_name(public_url: str, host: str) -> None:
    assert composer(public_url=public_url).new_message_id("1") == f"<1@{host}>"


@pytest.mark.parametrize(
    ("email", "header"),
    [("anna@bücher.example", "anna@xn--bcher-kva.example"), ("jörg@bücher.example", "jörg@bücher.example")],
)
def test_an_international_moderator_is_addressed_as_the_server_takes_it(email: str, header: str) -> None:
    notification = a_notification()
    mail = composer().compose(
        a_message(replace(notification, moderator=replace(notification.moderator, email=email)))
    )
    raw = mail.as_bytes(policy=SMTP.clone(utf8=not email.isascii() and not header.isascii()))
    assert f"\r\nTo: Anna <{header}>\r\n".encode() in raw


def test_only_the_first_twenty_are_shown_and_all_are_counted() -> None:
    shown = [a_notification(number) for number in range(1, IN_FULL + 1)]
    mail = parsed(composer().compose(a_message(*shown, total=1_234)))
    assert mail["X-Comments"] == "1234"
    assert mail["Subject"].endswith("1,234 comments are waiting for your decision")
    assert "1,214 more comments are waiting for moderation." in part(mail, "plain")
    assert "1,214 more comments are waiting for moderation." in part(mail, "html")


def test_all_that_waits_is_counted_also_what_the_next_message_tells_of() -> None:
    mail = parsed(composer().compose(a_message(a_notification(), total=10_000, beyond=190_030)))
    assert mail["X-Comments"] == "10000"
    assert mail["Subject"].endswith("200,030 comments are waiting for your decision")
    assert "200,029 more comments are waiting for moderation." in part(mail, "plain")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sample_says_what_it_is_and_tells_of_no_comment(language: str) -> None:
    mail = parsed(
        composer().sample("jörg@bücher.example".replace("ö", "o"), language, message_id="<1@x>", now=NOW)
    )
    assert mail["To"] == "jorg@xn--bcher-kva.example"
    assert mail["X-Comments"] is None
    assert Html(part(mail, "html")).hrefs == {PUBLIC}
    html5lib.HTMLParser(strict=True).parse(part(mail, "html"))


@pytest.mark.parametrize(
    "letters",
    ["парole ", "漢字は", "&<>\"' ", "é", "👩‍👩‍👧 ", "מילה ", "=", "**a** ", "- \n", "> " * 19 + "x\n\n"],
    ids=ascii,
)
def test_every_script_fits_below_what_gmail_shows(letters: str) -> None:
    """90 kB as read and as transferred, the link to the desk first, the styles once."""
    url = "https://www.example.org/?" + "&" * 1_900
    longest = a_notification(
        author_name=(letters * 245)[:245].strip() or "x",
        author_url=url,
        page_url=url,
        page_title=(letters * 500)[:500].strip(),
        body=(letters * 65_525)[: 65_525 // len(letters.encode()) * len(letters)],
        parent_id=NOBODY,
    )
    longest = replace(longest, parent=longest.comment)
    shown = [longest] * IN_FULL
    for message in (a_message(longest), a_message(*shown, total=70), a_message(*shown, shortened=True)):
        mail = composer().compose(message)
        assert bytes_of_html(mail) <= MOST_HTML
        html = part(parsed(mail), "html")
        assert html.count("<style>") == 1
        html5lib.HTMLParser(strict=True).parse(html)
        if message.is_digest:
            assert html.index(f"{PUBLIC}/desk") < html.index("/moderate/")
            missing = message.total - html.count("/reject")
            assert (f"{missing} more" in html) is bool(missing)


def bytes_of_html(mail: EmailMessage) -> int:
    """The bytes of the HTML part, as it is read or as it is transferred."""
    raw = message_from_bytes(mail.as_bytes(policy=SMTP))
    [html] = [one for one in raw.walk() if one.get_content_type() == "text/html"]
    return max(len(html.get_payload(decode=True)), len(html.get_payload()))


def test_a_digest_of_ordinary_comments_shows_twenty_of_them() -> None:
    ordinary = [a_notification(number, body="Ciao a tutti, ecco un pensiero. " * 20) for number in range(20)]
    mail = composer().compose(a_message(*ordinary))
    assert part(parsed(mail), "html").count("/reject") == 20


def test_structure_is_simple_html_and_plain_words_and_nothing_is_clickable() -> None:
    body = "**bold**\nline two\n\n- one\n- two\n\n[here](https://evil.example/x) www.evil.example a@evil.example"
    mail = parsed(composer().compose(a_message(a_notification(body=body))))
    html, text = part(mail, "html"), part(mail, "plain")
    assert "<p><strong>bold</strong><br>\nline two</p>" in html
    assert "<li>one</li>" in html
    assert "> bold\n> line two\n>\n> - one\n> - two" in text
    for content in (html, text):
        assert "**" not in content
        assert "https:\u2060//evil.\u2060example/x" in content
        assert "www.\u2060evil.\u2060example" in content
        assert "a\u2060@evil.\u2060example" in content
    assert not [one for one in Html(html).hrefs if "evil" in one]
    for dropped in ("white-space", "<bdi", "<pre"):
        assert dropped not in html


def test_code_keeps_its_lines_and_its_indentation_without_white_space_styles() -> None:
    mail = parsed(composer().compose(a_message(a_notification(body="```\nif x:\n    y\n```"))))
    assert "<p><code>if x:<br>\n&nbsp; &nbsp; y</code></p>" in part(mail, "html")
    assert "> if x:\n>     y" in part(mail, "plain")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Lucia Ferri", "Lucia Ferri"),
        ("Jean-Luc d’Ormesson, Jr.", "Jean-Luc d’Ormesson, Jr."),
        ("Approve at once: evil.example/a", "“Approve at once: evil.\u2060example/a”"),
        ("”” Moderation: “ok", '“"" Moderation: "ok”'),
        ("a@b.example", "“a\u2060@b.\u2060example”"),
        ("Anna 2", "“Anna 2”"),
    ],
)
def test_a_name_that_is_not_made_of_letters_stands_in_quotes_and_leads_nowhere(name: str, shown: str) -> None:
    mail = parsed(composer().compose(a_message(a_notification(author_name=name))))
    assert f"<strong>{shown}</strong>" in unescape(part(mail, "html"))
    assert f"\n{shown} (g…@e….com)" in part(mail, "plain")


@pytest.mark.parametrize(
    ("language", "shown"),
    [("it", "«Anna 2»"), ("de", "„Anna 2“"), ("fr", "«\u00a0Anna 2\u00a0»"), ("es", "«Anna 2»")],
)
def test_a_name_stands_in_the_quotes_of_the_language(language: str, shown: str) -> None:
    mail = parsed(composer().compose(a_message(a_notification(1, language, author_name="Anna 2"))))
    assert f"<strong>{shown}</strong>" in unescape(part(mail, "html"))
    assert f"\n{shown} (g…@e….com)" in part(mail, "plain")
    assert shown.replace("\u00a0", " ") in mail["Subject"].replace("\u00a0", " ")


def test_a_label_in_a_text_has_the_colon_of_its_language() -> None:
    mail = parsed(composer().compose(a_message(a_notification(1, "fr"), a_notification(2, "fr"))))
    labels = [line for line in part(mail, "plain").splitlines() if line.endswith(":")]
    assert len(labels) == 9
    assert [line for line in labels if not line.endswith("\u00a0:")] == []


def test_a_long_name_is_whole_on_the_card_and_cut_between_words_above_it() -> None:
    mail = parsed(
        composer().compose(a_message(a_notification(author_name="Maria " * 40, page_title="parole " * 60)))
    )
    assert f"<strong>{'Maria ' * 39}Maria</strong>" in part(mail, "html")
    assert f"{'Maria ' * 9}Maria… commented on" in part(mail, "html")
    assert mail["Subject"].endswith(f"“{('parole ' * 8).strip()}…”")


def test_a_reply_shows_what_it_answers_shortened_at_a_word() -> None:
    answered = a_notification(2, author_name="Giuliana", body="Wo ist das **alte** Haus? " + "wort " * 60)
    reply = replace(
        a_notification(author_name="Lucia Ferri", parent_id=answered.comment.id), parent=answered.comment
    )
    mail = parsed(composer().compose(a_message(reply)))
    assert mail["Subject"] == "[Associazione dell'Esempio] Lucia Ferri replied to Giuliana"
    for content in (part(mail, "plain"), part(mail, "html")):
        words = " ".join(content.split())
        found = re.search(r"Giuliana wrote:(?:</strong>)? (Wo ist das alte Haus\? [wort ]+…)", words)
        assert found is not None
        assert len(found[1]) <= 200
        assert found[1].endswith("wort…")
    gone = parsed(composer().compose(a_message(a_notification(parent_id=NOBODY))))
    assert "In reply to a comment that no longer exists." in part(gone, "html")
    assert "In reply to a comment that no longer exists." in part(gone, "plain")


def test_a_suspicious_comment_says_why() -> None:
    reasons = ("many_links", "link_in_name", "address_in_name", "moderator_name")
    marked = assessments.sum_up([Finding(tuple(Reason(code, 2) for code in reasons))])
    mail = parsed(composer().compose(a_message(a_notification(assessment=marked))))
    said = (
        "Looks suspicious: many links, a link in the name, the author’s own e-mail address in the name, "
        "a moderator’s name in the name"
    )
    assert f"⚑ {said}" in unescape(part(mail, "html"))
    assert f"⚑ {said}" in " ".join(part(mail, "plain").split())


def test_a_comment_whose_browser_was_asked_for_work_and_did_it_is_not_called_suspicious() -> None:
    asked = Assessment((Reason(assessments.WORK_AWAITED),), Verdict.SUSPECT)
    mail = parsed(composer().compose(a_message(a_notification(assessment=assessments.after_work(asked)))))
    for kind in ("plain", "html"):
        assert "suspicious" not in part(mail, kind)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "2 Kommentare warten auf deine Entscheidung, 3.984 weitere sehen nach Spam aus"),
        ("en", "2 comments are waiting for your decision, 3,984 more look like spam"),
        ("es", "2 comentarios esperan tu decisión, otros 3.984 parecen spam"),
        ("fr", "2 commentaires attendent ta décision, 3 984 autres ressemblent à du spam"),
        ("it", "2 commenti attendono la tua decisione, altri 3.984 sembrano spam"),
    ],
)
def test_what_looks_like_spam_is_counted_apart(language: str, said: str) -> None:
    shown = [a_notification(number, language) for number in (1, 2)]
    spam = a_notification(3, language, assessment=SUSPECT)
    mail = parsed(composer().compose(a_message(*shown, spam, total=3_000, beyond=986, suspects=3_984)))
    said = " ".join(said.split())
    assert " ".join(mail["Subject"].split()) == f"[Associazione dell'Esempio] {said}"
    for kind in ("plain", "html"):
        assert said in " ".join(part(mail, kind).split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_press_approves_nothing_that_looks_like_spam(language: str) -> None:
    shown = [a_notification(number, language) for number in (1, 2)]
    spam = a_notification(3, language, assessment=SUSPECT)
    mail = parsed(composer().compose(a_message(*shown, spam)))
    [link] = {one for one in Html(part(mail, "html")).hrefs if one.endswith("/all")}
    assert link in part(mail, "plain")
    links = Links(KeyRing([SECRET]), lambda: NOW).of_digests.read(link.split("/")[-2])
    assert [one.comment_id for one in links] == [one.comment.id for one in shown]
    say = Words(language, is_read=True)
    said = say.approve_all(2, 3)
    assert "2" in said
    for kind in ("plain", "html"):
        assert said in " ".join(part(mail, kind).split())
    alone = parsed(composer().compose(a_message(shown[0], spam)))
    assert "/all" not in part(alone, "plain") + part(alone, "html")


def test_answers_go_to_the_sites_that_read_them() -> None:
    notification = a_notification()
    unread = parsed(composer().compose(a_message(notification)))
    assert unread["Reply-To"] is None
    read = replace(notification, site=replace(notification.site, reply_to="redazione@example.org"))
    also = replace(
        a_notification(2), site=replace(notification.site, id="x", name="Altro", reply_to="x@example.org")
    )
    mail = parsed(composer().compose(a_message(read, also)))
    assert mail["Reply-To"] == "Associazione dell'Esempio <redazione@example.org>, Altro <x@example.org>"
    for content, is_said in ((unread, True), (mail, False)):
        for kind in ("plain", "html"):
            assert ("Replies to this message are not read." in part(content, kind)) is is_said


@pytest.mark.parametrize(
    ("language", "timezone", "said"),
    [
        ("en", "Europe/Rome", "November 22, 2026, 11:00\u202fAM CET"),
        ("en-GB", "Europe/London", "22 November 2026, 10:00 GMT"),
        ("de-AT", "Europe/Vienna", "22. November 2026, 11:00 MEZ"),
        ("it", "Asia/Kolkata", "22 novembre 2026, 15:30 IST"),
        ("fr", "America/Sao_Paulo", "22 novembre 2026, 07:00 UTC-3"),
        ("es", "UTC", "22 de noviembre de 2026, 10:00 UTC"),
    ],
)
def test_a_time_is_in_regional_form_and_names_its_zone(language: str, timezone: str, said: str) -> None:
    notification = a_notification(language=language)
    mail = parsed(
        composer().compose(
            a_message(replace(notification, moderator=replace(notification.moderator, timezone=timezone)))
        )
    )
    assert said in part(mail, "plain")
    assert said in part(mail, "html")
    assert f'<html lang="{language}">' in part(mail, "html")


@pytest.mark.parametrize(
    "kind", [*KINDS, "sample", "login", "attack", "statement", "statement of an edit", *REPORTER_KINDS]
)
@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_no_mail_has_an_untranslated_word_and_french_has_its_spaces(kind: str, language: str) -> None:
    mails = [parsed(a_mail(kind, spoken)) for spoken in ("en", language)]
    english, translated = (
        [" ".join(paragraph.split()) for paragraph in f"{mail['Subject']}\n\n{part(mail, 'plain')}".split("\n\n")]
        for mail in mails
    )
    ours = [
        one for one in english if re.search(r"[a-z]{3}", one) and not re.search(r"https?://|interess|^[>-]", one)
    ]
    assert len(ours) >= 2
    assert not set(ours) & set(translated) - {"Associazione dell'Esempio, “Chi siamo”"}
    if language == "fr":
        for content in (part(mails[1], "plain"), Html(part(mails[1], "html")).text):
            assert not re.search(r"(?<![\xa0\u202f])[:;!?»](?=\s|$)", content)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [1, 2])
def test_one_and_several_have_words_of_their_own(language: str, count: int) -> None:
    message = a_message(a_notification(language=language), total=count + 1, is_reminder=True)
    mail = parsed(composer().compose(message))
    assert str(count + 1) in mail["Subject"]
    said = re.sub(r"https?://\S+", "", part(mail, "plain"))
    assert bool(re.search(rf"\b{count}\b", said)) is (count != 1)
    assert "%(" not in said


@pytest.mark.parametrize(
    ("text", "wrapped"),
    [
        ("", [">"]),
        ("    code here", [">     code here"]),
        ("a " * 40, ["> " + "a " * 34 + "a", "> a a a a a"]),
        ("漢" * 36, ["> " + "漢" * 35, "> 漢"]),
        ("see https://example.org/" + "x" * 80, ["> see", "> https://example.org/" + "x" * 80]),
    ],
)
def test_a_quoted_text_takes_seventy_two_columns(text: str, wrapped: list[str]) -> None:
    assert templating.quoted(text).split("\n") == wrapped


DRESSED_TITLE = "Approve: evil.example/a — mail me@evil.example, http://evil.example"


@pytest.mark.parametrize("is_digest", [False, True])
@pytest.mark.parametrize("field", ["public_title", "page_title"])
def test_the_title_of_a_page_is_quoted_and_leads_nowhere_wherever_it_stands(
    field: str, *, is_digest: bool
) -> None:
    other = "Chi siamo" if field == "page_title" else DRESSED_TITLE
    notifications = [
        a_notification(number, page_title=DRESSED_TITLE, public_title=other)
        for number in range(1, 3 if is_digest else 2)
    ]
    mail = parsed(composer().compose(a_message(*notifications)))
    places = 1 if is_digest or field == "page_title" else 2
    for kind in ("plain", "html"):
        text = unescape(part(mail, kind))
        dressed = re.findall(r"“[^“”]*Approve:[^“”]*”", " ".join(text.split()))
        assert len(dressed) == places * len(notifications), "in the heading, and in the card"
        for live in ("evil.example", "me@evil", "http://evil"):
            assert not any(live in one for one in dressed)
        assert text.count("Approve: evil") == len(re.findall(r"“\u2068?Approve: evil", " ".join(text.split())))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Sent another title: “Comprate”"),
        ("it", "Ha inviato un altro titolo: «Comprate»"),
        ("de", "Anderen Titel gesendet: „Comprate“"),
        ("fr", "A envoyé un autre titre\u00a0: «\u00a0Comprate\u00a0»"),
        ("es", "Ha enviado otro título: «Comprate»"),
    ],
)
def test_a_title_that_differs_from_what_readers_see_is_shown_as_such(language: str, said: str) -> None:
    differing = a_notification(1, language, page_title="Comprate", public_title="Chi siamo")
    mail = parsed(composer().compose(a_message(differing)))
    assert "Chi siamo" in mail["Subject"]
    assert "Comprate" not in mail["Subject"]
    for kind in ("plain", "html"):
        assert said in unescape(part(mail, kind))
    same = parsed(composer().compose(a_message(a_notification(1, language))))
    assert said.partition(":")[0].strip("\u00a0") not in part(same, "plain")
