"""Access tokens for logging in to a mail server by XOAUTH2: fetched, kept until they expire, fetched anew."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

from moderation_service.config.values import OAuth
from moderation_service.domain.notifications.retry_policy import Phase
from moderation_service.mail.failures import DeliveryError
from moderation_service.outgoing_http import answers

TOKEN_WITHIN = 10.0
"""Seconds in which a token server has to answer."""

_RENEW_BEFORE = 60.0
_USUAL_LIFETIME = 300.0
_LARGEST_ANSWER = 65_536
_MOST_WORDS = 300


class AccessTokens:
    """The tokens of one account (RFC 6749, 4.4 and 6); all who log in by it share what was fetched."""

    def __init__(
        self, account: OAuth, *, within: float = TOKEN_WITHIN, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._account = account
        self._within = within
        self._monotonic = monotonic
        self._token: str | None = None
        self._good_until = 0.0
        self._fetching = asyncio.Lock()

    async def get(self) -> str:
        """Return a token, a kept one as long as it is good; raise DeliveryError where there is none to be had."""
        async with self._fetching:
            if self._token is None or self._monotonic() >= self._good_until:
                began = self._monotonic()
                self._token, lifetime = _read(await self._fetched())
                self._good_until = began + max(lifetime - _RENEW_BEFORE, lifetime / 2)
            return self._token

    def forget(self) -> None:
        """Do not give out the last one again: the mail server refused it."""
        self._token = None

    async def _fetched(self) -> dict[str, Any]:
        account = self._account
        form = {"client_id": account.client_id, "client_secret": account.client_secret, "scope": account.scope}
        if account.refresh_token is None:
            form["grant_type"] = "client_credentials"
        else:
            form |= {"grant_type": "refresh_token", "refresh_token": account.refresh_token}
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=self._within)) as session,
                session.post(account.token_url, data=form, headers={"Accept": "application/json"}) as answer,
            ):
                return _document(answer.status, await answers.beginning(answer.content, _LARGEST_ANSWER))
        except TimeoutError as error:
            raise _failed(f"did not answer within {self._within:g} seconds") from error
        except (ClientError, OSError) as error:
            raise _failed(f"cannot be reached: {answers.why(error)}") from error


def _document(status: int, body: bytes) -> dict[str, Any]:
    """Return what a token server says; raise DeliveryError where that is a refusal, or nothing of the kind."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _failed(f"answered {status} with something that is not JSON; check token_url") from error
    if isinstance(found, dict) and "error" in found:
        words = " ".join(str(found.get(name) or "") for name in ("error", "error_description"))
        raise _failed(f"refused ({status}): {' '.join(words.split())[:_MOST_WORDS]}")
    if not isinstance(found, dict) or not 200 <= status < 300:  # noqa: PLR2004 - HTTP's successes
        raise _failed(f"answered {status}")
    return found


def _read(found: dict[str, Any]) -> tuple[str, float]:
    token = found.get("access_token")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise _failed("answered without an access token")
    try:
        return token, max(float(found.get("expires_in", _USUAL_LIFETIME)), 0.0)
    except (TypeError, ValueError):
        return token, _USUAL_LIFETIME


def _failed(what: str) -> DeliveryError:
    return DeliveryError(Phase.TOKEN, None, f"the token server {what}")
