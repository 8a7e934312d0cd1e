"""Mail as the service composes it, from notifications with one value each, changed by keyword."""

from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from moderation_service.domain.accounts.sites import Moderator, Site
from moderation_service.domain.comments import markup
from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.comments.notices import Notice
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.decisions import Channel
from moderation_service.domain.moderation.links import Links
from moderation_service.domain.moderation.reports import Reporter, ReportOutcome
from moderation_service.domain.moderation.statements import DecidedBy, Statement
from moderation_service.domain.notifications.message import Message, Notification
from moderation_service.domain.screening.assessment import HARMLESS, PROBABLE_SPAM, Assessment, Reason, Verdict
from moderation_service.mail.attack import AttackComposer
from moderation_service.mail.author import AuthorComposer
from moderation_service.mail.compose import Composer
from moderation_service.mail.login import LoginComposer
from moderation_service.mail.reporter import ReporterComposer
from tests.support.factories import SECRET

SUSPECT = Assessment((Reason("many_links", PROBABLE_SPAM),), Verdict.SUSPECT)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PUBLIC = "https://comments.example.net"


def composer(**changed: Any) -> Composer:
    links = Links(KeyRing([SECRET]), lambda: NOW)
    usual: dict[str, Any] = {"public_url": PUBLIC, "sender": "moderation@example.net", "links": links}
    return Composer(**usual | changed)


def a_notification(number: int = 1, language: str = "en", **changed: Any) -> Notification:
    comment: dict[str, Any] = {
        "id": f"01900000-0000-7000-8000-{number:012}",
        "site_id": "coop",
        "page_id": "11111111-1111-1111-1111-111111111111",
        "page_url": "https://www.example.org/chi-siamo",
        "page_title": "Chi siamo",
        "parent_id": None,
        "status": Status.PENDING,
        "revision": 1,
        "author_name": "Giuliana",
        "author_url": None,
        "body": "interessante…",
        "body_html": "",
        "assessment": HARMLESS,
        "created_at": NOW,
        "changed_at": NOW,
        "change_number": None,
    }
    comment |= changed
    comment.setdefault("public_title", comment["page_title"])
    comment["body_html"] = comment["body_html"] or markup.render(comment["body"].strip())
    site = a_site(language)
    return Notification(
        comment=QueuedComment(**comment), site=site, moderator=site.moderators[0], masked_address="g…@e….com"
    )


def a_site(language: str = "it", **changed: Any) -> Site:
    """A site with one moderator, who speaks a language."""
    anna = Moderator(id="anna", name="Anna", email="anna@example.org", language=language, timezone="Europe/Rome")
    fields: dict[str, Any] = {
        "id": "coop",
        "name": "Associazione dell'Esempio",
        "origins": ("https://www.example.org",),
        "language": "it",
        "timezone": "Europe/Rome",
        "moderators": (anna,),
    }
    return Site(**fields | changed)


def a_message(*shown: Notification, **changed: Any) -> Message:
    values: dict[str, Any] = {
        "id": "1",
        "message_id": "<1@comments.example.net>",
        "created_at": NOW,
        "notifications": shown,
        "total": len(shown),
        "shortened": False,
        "may_have_arrived": False,
        "is_reminder": False,
    }
    return Message(**values | changed)


KINDS: dict[str, dict[str, Any]] = {
    "single": {},
    "digest": {"total": 10_000},
    "reminder": {"is_reminder": True},
    "short notice": {"shortened": True, "total": 7},
}


REPORTER_KINDS = ("report proof", "report received", "report kept", "report withdrawn")


def a_mail(kind: str, language: str) -> EmailMessage:
    notification = a_notification(language=language)
    if kind == "sample":
        return composer().sample("anna@example.org", language, message_id="<1@x>", now=NOW)
    if kind == "login":
        logins = LoginComposer(public_url=PUBLIC, sender="moderation@example.net")
        return logins.compose(notification.site, notification.moderator, login_id="1", token="token", now=NOW)
    if kind == "attack":
        attacks = AttackComposer(public_url=PUBLIC, sender="moderation@example.net")
        site, moderator = notification.site, notification.moderator
        return attacks.compose(site, moderator, message_id="<1@x>", since=NOW, now=NOW)
    if kind in REPORTER_KINDS:
        return a_mail_to_a_reporter(kind, language)
    if kind in {"proof", "statement", "statement of an edit", *Notice}:
        return a_mail_to_an_author(kind, language)
    return composer().compose(a_message(notification, **KINDS[kind]))


def a_mail_to_a_reporter(kind: str, language: str) -> EmailMessage:
    """Mail to a reader who reported a comment, in the language of the site."""
    composer = ReporterComposer(public_url=PUBLIC, sender="moderation@example.net")
    site = replace(a_site(), language=language, contact="redazione@example.org")
    if kind == "report proof":
        return composer.proof(site, NOW, "ada@example.com", token="token", delivery_id="1", now=NOW)
    outcome = None if kind == "report received" else ReportOutcome(kind.removeprefix("report "))
    reporter = Reporter(
        id="1",
        comment_id="1",
        site_id="coop",
        created_at=NOW,
        proved_at=NOW,
        outcome_mail=None,
        explanation="> interessante…",
        outcome=outcome,
        means=None if outcome is None else Channel.DESK,
        decided_at=None if outcome is None else NOW,
    )
    return composer.told(site, a_notification().comment, reporter, "ada@example.com", delivery_id="1", now=NOW)


def a_mail_to_an_author(kind: str, language: str) -> EmailMessage:
    """Mail to the author of a comment, in the language of the site."""
    authors = AuthorComposer(public_url=PUBLIC, sender="moderation@example.net")
    site = replace(a_site(), language=language)
    comment = a_notification().comment
    sent: dict[str, Any] = {"token": "token", "delivery_id": "1", "now": NOW}
    if kind == "proof":
        return authors.proof(site, comment, list(Notice), "giuliana@example.com", **sent)
    if kind.startswith("statement"):
        statement = Statement(
            number=1,
            revision=1,
            decided_at=NOW,
            decided_by=DecidedBy.PERSON,
            rule=None,
            reason="insult",
            was_published=False,
            is_of_edit=kind == "statement of an edit",
        )
        site = replace(site, contact="redazione@example.org", rules_url="https://www.example.org/regole")
        return authors.statement(site, comment, statement, "giuliana@example.com", receipt="receipt", **sent)
    return authors.notice(site, Notice(kind), comment, "giuliana@example.com", held=3, receipt="receipt", **sent)
