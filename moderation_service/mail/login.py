"""The mail that lets a moderator in: one link, and nothing that anybody else wrote."""

from datetime import datetime
from email.message import EmailMessage

from moderation_service.domain.accounts.sites import Moderator, Site
from moderation_service.mail.rendering import host_of, identify, write


class LoginComposer:
    """Writes log-in mail in the moderator's language."""

    def __init__(self, *, public_url: str, sender: str) -> None:
        self._public_url = public_url
        self._sender = sender
        self._host = host_of(public_url)

    def message_id(self, login_id: str) -> str:
        """Return the Message-ID of a log-in's mail, the same for a repeated one, so that a copy is recognised."""
        return f"<login.{login_id}@{self._host}>"

    def compose(
        self, site: Site, moderator: Moderator, *, login_id: str, token: str, now: datetime
    ) -> EmailMessage:
        """Return the mail."""
        mail = write(
            "login",
            language=moderator.language,
            sender=(site.name, self._sender),
            to=(moderator.name, moderator.email),
            reply_to=[(site.name, site.reply_to)] if site.reply_to is not None else [],
            values={"site": site, "moderator": moderator, "login_url": f"{self._public_url}/desk/login/{token}"},
        )
        identify(mail, self.message_id(login_id), now)
        return mail
