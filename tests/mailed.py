"""What a moderator does with the mail that came: open its links, press buttons."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import ClientSession

from tests.factories import a_submission
from tests.smtp import Mail, MailServer

ANNA, PAUL, OLGA = "anna@example.org", "paul@example.org", "olga@example.com"
_HREF = re.compile(r'href="([^"]*/moderate/[^"]*)"')


@dataclass(frozen=True, slots=True)
class Posted:
    """A comment that waits, and the mail that each moderator got of it."""

    id: str
    mails: dict[str, Mail]

    def path(self, decision: str, moderator: str = ANNA) -> str:
        """The path behind the link mailed to a moderator."""
        return urlsplit(self.mails[moderator].link(f"/{decision}")).path

    def token(self, moderator: str = ANNA) -> str:
        return self.path("approve", moderator).split("/")[2]


async def post(http: ClientSession, smtp: MailServer, **changed: object) -> Posted:
    """Post a comment as the website does, and wait until its moderators were told and that was written down."""
    before = len(smtp.mails)
    answer = await http.post("/api/v1/comments", json=a_submission(**changed))
    assert answer.status == 202, await answer.text()
    told = 1 if "altro" in str(changed.get("page_url", "")) else 2
    mails = (await smtp.wait_for(before + told))[before:]
    return Posted((await answer.json())["id"], {mail.recipients[0]: mail for mail in mails})


def html_links(mail: Mail) -> list[str]:
    """The links of the HTML part that decide."""
    return _HREF.findall(mail.html())
