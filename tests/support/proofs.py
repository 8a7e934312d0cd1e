"""The work of a browser: what answers a challenge."""

import base64
import json
from collections.abc import Mapping
from hashlib import sha256
from itertools import count
from typing import Any

from moderation_service.domain.screening.work import LEAST


def proof_of(challenge: Mapping[str, Any]) -> str:
    """Return what answers a challenge as it came over the wire; a browser does not know where to begin."""
    asked = challenge["parameters"]
    begun = sha256(bytes.fromhex(asked["salt"] + asked["nonce"]))
    prefix = bytes.fromhex(asked["keyPrefix"])
    for counter in count(LEAST):
        hashed = begun.copy()
        hashed.update(counter.to_bytes(4, "big"))
        found = hashed.digest()
        if found.startswith(prefix):
            solution = {"counter": counter, "derivedKey": found.hex()}
            return base64.b64encode(json.dumps({"challenge": challenge, "solution": solution}).encode()).decode()
    raise AssertionError
