"""The mail that lets a moderator in: one link, and nothing that anybody else wrote."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import urlsplit

from moderation_service.domain.sites import Moderator, Site
from moderation_service.templating import environment

_POLICY = SMTP.clone(max_line_length=78)


class LoginComposer:
    """Writes log-in mail in the moderator's language."""

    def __init__(self, *, public_url: str, sender: str) -> None:
        self._public_url = public_url
        self._sender = sender
        self._host = urlsplit(public_url).hostname or "localhost"

    def compose(
        self, site: Site, moderator: Moderator, *, login_id: str, token: str, now: datetime
    ) -> EmailMessage:
        """Return the mail; a repeated one has the same Message-ID, so that a copy is recognised."""
        templates = environment(("moderation_service.mail",), moderator.language)
        values = {
            "site": site,
            "moderator": moderator,
            "login_url": f"{self._public_url}/desk/login/{token}",
        }
        mail = EmailMessage(policy=_POLICY)
        mail["Subject"] = " ".join(templates.get_template("login/subject.txt").render(values).split())
        mail["From"] = Address(display_name=site.name, addr_spec=self._sender)
        mail["To"] = Address(display_name=moderator.name, addr_spec=moderator.email)
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<login.{login_id}@{self._host}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail.set_content(templates.get_template("login/body.txt").render(values), cte="quoted-printable")
        mail.add_alternative(
            templates.get_template("login/body.html").render(values), subtype="html", cte="quoted-printable"
        )
        return mail
