"""Tokens that only this service can have made, each kind under a key of its own purpose."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer
from itsdangerous.encoding import base64_decode, base64_encode
from itsdangerous.timed import TimestampSigner

from moderation_service.domain import clocks
from moderation_service.domain.errors import LinkInvalidError, TokenExpiredError
from moderation_service.domain.keys import KeyRing


class Signer:
    """Signs values for one purpose under the current key, and reads what any listed key signed."""

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime], *, purpose: str, lifetime: timedelta) -> None:
        class _Signer(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock().timestamp())

        self._clock = clock
        self._lifetime = lifetime
        self._serializer = URLSafeTimedSerializer(
            list(reversed(keys.derive(purpose))),
            salt=purpose,
            signer=_Signer,
            signer_kwargs={"key_derivation": "hmac", "digest_method": "sha256"},
        )

    def sign(self, value: Any) -> str:
        """Return a token that holds the value for everybody to read and for nobody to change."""
        return str(self._serializer.dumps(value))

    def open(self, token: str) -> tuple[Any, datetime]:
        """Return the value and when it was signed, however long ago; raise LinkInvalidError for a forgery."""
        if not _is_canonical(token):
            raise LinkInvalidError
        try:
            value, made_at = self._serializer.loads(token, return_timestamp=True)
        except BadData as error:
            raise LinkInvalidError from error
        return value, made_at

    def read(self, token: str) -> Any:
        """Return the value; raise LinkInvalidError for a forgery, TokenExpiredError for an old one."""
        value, made_at = self.open(token)
        if clocks.age(made_at, self._clock()) > self._lifetime:
            raise TokenExpiredError
        return value


def _is_canonical(token: str) -> bool:
    """Tell whether the signature is spelled as it was signed; base64 has spare bits in its last character."""
    signature = token.rpartition(".")[2]
    try:
        return base64_encode(base64_decode(signature)).decode() == signature
    except BadData:
        return False
