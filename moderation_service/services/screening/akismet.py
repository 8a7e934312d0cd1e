"""Asking a service that speaks Akismet's protocol, and telling it what moderators decided.

The protocol is that of https://akismet.com/developers/detailed-docs/: forms to `comment-check`, `submit-spam` and
`submit-ham`, answered in plain words.
"""

from urllib.parse import urlencode

from moderation_service.domain.accounts.sites import Akismet
from moderation_service.domain.screening import outside
from moderation_service.domain.screening.assessment import Finding
from moderation_service.domain.screening.outside import Asked, Learned, UnusableAnswerError
from moderation_service.outgoing_http.client import Client

_READ = 200
_OK = 200
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_SAYS = {b"true": True, b"false": False}


async def check(client: Client, account: Akismet, asked: Asked) -> Finding:
    """Ask whether a comment is spam; raise RequestFailedError or UnusableAnswerError."""
    said = await _post(client, account, "comment-check", _fields(asked))
    if said not in _SAYS:
        raise UnusableAnswerError
    return outside.of_akismet(is_spam=_SAYS[said])


async def report(client: Client, account: Akismet, asked: Asked, learned: Learned) -> None:
    """Tell what a moderator took a comment for; raise RequestFailedError or UnusableAnswerError."""
    said = await _post(client, account, f"submit-{learned}", _fields(asked))
    if not said.startswith(b"Thanks"):
        raise UnusableAnswerError


async def _post(client: Client, account: Akismet, method: str, fields: dict[str, str]) -> bytes:
    body = urlencode({"api_key": account.key} | fields).encode()
    url = f"{account.endpoint.rstrip('/')}/{method}"
    async with client.request("POST", url, body=body, headers=_FORM) as answer:
        if answer.status != _OK:
            raise UnusableAnswerError
        return (await answer.beginning(_READ)).strip()


def _fields(asked: Asked) -> dict[str, str]:
    fields = {
        "blog": asked.site_url,
        "user_ip": asked.network,
        "permalink": asked.page_url,
        "comment_type": "reply" if asked.is_reply else "comment",
        "comment_author": asked.author_name,
        "comment_author_url": asked.author_url,
        "comment_content": asked.body,
        "blog_lang": asked.language,
        "blog_charset": "UTF-8",
    }
    return {name: value for name, value in fields.items() if value is not None}
