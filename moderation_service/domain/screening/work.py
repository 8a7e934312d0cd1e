"""Work that a visitor's browser is asked for: challenges of ALTCHA's proof of work, each for one comment."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import altcha

from moderation_service.domain.errors import FieldsInvalidError, ProofExpiredError
from moderation_service.domain.keys import KeyRing

LIFETIME = timedelta(minutes=30)
"""How long a challenge may be answered; a browser needs about a second."""

LEAST, MOST = 100_000, 300_000
"""How many hashes find the answer: none of fewer, all of as many."""

_PURPOSE = "proof of work"
_ALGORITHM = "SHA-256"
_COMMENT, _UNTIL = "comment", "until"
_INVALID = {"proof": ["invalid_proof"]}


class Challenges:
    """Makes challenges of version 2, and checks what answers them.

    A plain hash is the one function that a script can compute in small slices on any page: functions that are
    harder for graphics cards are open to pages under https alone. Browsers are to work at all; no price is meant.
    How long a challenge holds is among its data, and judged by our own clock.
    """

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._secrets = keys.derive(_PURPOSE)
        self._clock = clock

    def make(self, comment_id: str) -> dict[str, Any]:
        """Return a challenge for a comment as it goes over the wire."""
        made = altcha.create_challenge(
            _ALGORITHM,
            1,
            counter=LEAST + secrets.randbelow(MOST - LEAST),
            data={_COMMENT: comment_id, _UNTIL: int((self._clock() + LIFETIME).timestamp())},
            hmac_secret=self._secrets[0],
        )
        challenge: dict[str, Any] = made.to_dict()
        return challenge

    def check(self, proof: str, comment_id: str) -> None:
        """Return if a proof answers a challenge that was made for the comment.

        `proof` is ALTCHA's payload: challenge and solution as JSON in base64. Raises FieldsInvalidError for one
        that is forged, wrong or another comment's, ProofExpiredError for one that comes too late.
        """
        if not any(altcha.verify_solution(proof, secret).verified for secret in self._secrets):
            raise FieldsInvalidError(_INVALID)
        asked = altcha.Payload.from_base64(proof).challenge.parameters.data or {}
        if asked.get(_COMMENT) != comment_id:
            raise FieldsInvalidError(_INVALID)
        if self._clock().timestamp() > asked.get(_UNTIL, 0):
            raise ProofExpiredError
