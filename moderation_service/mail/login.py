"""The mail that lets a moderator in: one link, and nothing that anybody else wrote."""

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from moderation_service.domain.sites import Moderator, Site
from moderation_service.mail.letters import address, host_of, write


class LoginComposer:
    """Writes log-in mail in the moderator's language."""

    def __init__(self, *, public_url: str, sender: str) -> None:
        self._public_url = public_url
        self._sender = sender
        self._host = host_of(public_url)

    def compose(
        self, site: Site, moderator: Moderator, *, login_id: str, token: str, now: datetime
    ) -> EmailMessage:
        """Return the mail; a repeated one has the same Message-ID, so that a copy is recognised."""
        mail = write(
            "login",
            language=moderator.language,
            sender=address(site.name, self._sender),
            to=address(moderator.name, moderator.email),
            values={"site": site, "moderator": moderator, "login_url": f"{self._public_url}/desk/login/{token}"},
        )
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<login.{login_id}@{self._host}>"
        return mail
