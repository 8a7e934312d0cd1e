"""The mail that says once that a site gets far more comments than usual; it holds nothing that anybody wrote."""

from datetime import datetime
from email.message import EmailMessage

from moderation_service.domain.accounts.sites import Moderator, Site
from moderation_service.mail.rendering import host_of, identify, write


class AttackComposer:
    """Writes such mail in the moderator's language and time zone."""

    def __init__(self, *, public_url: str, sender: str) -> None:
        self._public_url = public_url
        self._sender = sender
        self._host = host_of(public_url)

    def message_id(self, unique: str) -> str:
        """Return the Message-ID of one mail, the same each time that it is tried."""
        return f"<attack.{unique}@{self._host}>"

    def compose(
        self, site: Site, moderator: Moderator, *, message_id: str, since: datetime, now: datetime
    ) -> EmailMessage:
        """Return the mail."""
        mail = write(
            "attack",
            language=moderator.language,
            sender=(site.name, self._sender),
            to=(moderator.name, moderator.email),
            reply_to=[(site.name, site.reply_to)] if site.reply_to is not None else [],
            values={
                "site": site,
                "moderator": moderator,
                "since": since,
                "desk_url": f"{self._public_url}/desk?site={site.id}",
            },
        )
        identify(mail, message_id, now)
        return mail
