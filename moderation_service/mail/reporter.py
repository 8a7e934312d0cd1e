"""Mail to those who reported a comment: one asks to confirm an address, others say what became of the report."""

from datetime import datetime
from email.message import EmailMessage

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import QueuedComment
from moderation_service.domain.moderation.reports import Reporter
from moderation_service.domain.moderation.statements import decided_by
from moderation_service.mail import presentation
from moderation_service.mail.rendering import host_of, identify, write


class ReporterComposer:
    """Writes such mail in the language and time zone of the site.

    What is sent before an address is confirmed holds nothing that anybody wrote: it may reach a stranger.
    """

    def __init__(self, *, public_url: str, sender: str) -> None:
        self._public_url = public_url
        self._sender = sender
        self._host = host_of(public_url)

    def proof(
        self, site: Site, reported_at: datetime, recipient: str, *, token: str, delivery_id: str, now: datetime
    ) -> EmailMessage:
        """Return the mail that asks to confirm the address of a report, and says what is sent to it then."""
        values: dict[str, object] = {
            "site": site,
            "reported_at": reported_at,
            "proof_url": f"{self._public_url}/subscriptions/{token}",
        }
        return self._written("report_proof", site, recipient, values, delivery_id=delivery_id, now=now)

    def told(
        self,
        site: Site,
        comment: QueuedComment,
        reporter: Reporter,
        recipient: str,
        *,
        delivery_id: str,
        now: datetime,
    ) -> EmailMessage:
        """Return the mail that says that a report came or, once somebody has decided, what became of it."""
        values: dict[str, object] = {
            "site": site,
            "outcome": reporter.outcome,
            "reported_at": reporter.created_at,
            "decided_at": reporter.decided_at,
            "decided_by": None if reporter.means is None else decided_by(reporter.means),
            "explanation": reporter.explanation and presentation.quoted_words(reporter.explanation),
            "comment": presentation.published(comment, site.language),
        }
        return self._written("report_told", site, recipient, values, delivery_id=delivery_id, now=now)

    def _written(
        self,
        folder: str,
        site: Site,
        recipient: str,
        values: dict[str, object],
        *,
        delivery_id: str,
        now: datetime,
    ) -> EmailMessage:
        mail = write(
            folder,
            language=site.language,
            sender=(site.name, self._sender),
            to=("", recipient),
            reply_to=[] if site.contact is None else [(site.name, site.contact)],
            values=values,
        )
        identify(mail, f"<report.{delivery_id}@{self._host}>", now)
        return mail
