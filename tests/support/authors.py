"""What authors do with the mail that they get: open its links, press buttons."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientResponse, ClientSession

from moderation_service.domain.comments.notices import ADDRESS_PROOF
from tests.support.factories import ADDRESS
from tests.support.forms import Form
from tests.support.office import Office
from tests.support.running import until
from tests.support.smtp import Mail, MailServer

_BACK = re.compile(r'href="([^"]*#[^"]*author_token=[^"]*)"')


async def mail_to(smtp: MailServer, address: str = ADDRESS, *, count: int = 1) -> Mail:
    """The newest mail to an author, once there are so many."""
    await until(lambda: len(smtp.to(address)) >= count)
    assert len(smtp.to(address)) == count
    return smtp.to(address)[-1]


def path_in(mail: Mail) -> str:
    """The path behind the one link of a mail that leads to subscriptions."""
    [found] = {urlsplit(link).path for link in mail.links() if "/subscriptions/" in link}
    return found


async def press(http: ClientSession, path: str, **fields: str) -> ClientResponse:
    """Open what stands behind a link and press its button."""
    page = await http.get(path)
    assert page.status == 200, await page.text()
    form = Form(await page.text())
    assert urlsplit(form.action).path == path
    return await http.post(path, data={"form_token": form.values["form_token"]} | fields)


async def prove(http: ClientSession, smtp: MailServer, address: str = ADDRESS, *, count: int = 1) -> str:
    """Confirm an address by the newest mail to it; the token that is left on the device."""
    done = await press(http, path_in(await mail_to(smtp, address, count=count)))
    assert done.status == 200, await done.text()
    return token_in(await done.text())


def token_in(page: str) -> str:
    """The token that a page hands over to the widget of the website."""
    [address] = _BACK.findall(page)
    [token] = parse_qs(urlsplit(address.replace("&amp;", "&")).fragment)["author_token"]
    return str(token)


async def confirmed(office: Office, smtp: MailServer, **changed: Any) -> str:
    """Store a comment whose author asked for notices and confirmed the address; its id."""
    [comment_id] = await office.post(**changed)
    assert await office.container.queue.deliver_due(ADDRESS_PROOF) == 1
    subscriptions = office.container.web.subscriptions
    token = path_in(smtp.to(ADDRESS)[-1]).rpartition("/")[2]
    await subscriptions.confirm(await subscriptions.find(token))
    return comment_id
