"""What a moderator does with the mail that came: open its links, press buttons."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import ClientResponse, ClientSession

from moderation_service.domain.errors import LinkExpiredError, LinkInvalidError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.links import Links
from moderation_service.runtime import container
from tests.support.factories import SECRET, a_submission
from tests.support.smtp import Mail, MailServer

ANNA, PAUL, OLGA = "anna@example.org", "paul@example.org", "olga@example.com"
_LINKS = Links(KeyRing((SECRET,)), container.utc_now)
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
    """Post a comment as the website does; wait until its moderators were notified and that was written down."""
    before = len(smtp.mails)
    answer = await http.post("/api/v1/comments", json=a_submission(**changed))
    assert answer.status == 202, await answer.text()
    count = 1 if "altro" in str(changed.get("page_url", "")) else 2
    mails = (await smtp.wait_for(before + count))[before:]
    return Posted((await answer.json())["id"], {mail.recipients[0]: mail for mail in mails})


def pressed(path: str, seen: str = "pending", *, revision: int | None = None) -> dict[str, str]:
    """What the form behind a link sends, shown with the comment in a state, and with the text that was mailed."""
    token = path.partition("/moderate/")[2].partition("/")[0]
    if revision is None:
        try:
            revision = _LINKS.read(token).revision
        except (LinkExpiredError, LinkInvalidError):
            revision = 1
    return {"seen": seen, "form_token": _LINKS.form_token(token, seen, revision)}


async def press(
    http: ClientSession,
    path: str,
    seen: str = "pending",
    headers: Mapping[str, str] | None = None,
    *,
    revision: int | None = None,
) -> ClientResponse:
    """Press the button of the decision that a path names, on a page that showed the comment in a state."""
    return await http.post(path, data=pressed(path, seen, revision=revision), headers=headers)


def html_links(mail: Mail) -> list[str]:
    """The links of the HTML part that decide."""
    return _HREF.findall(mail.html())
