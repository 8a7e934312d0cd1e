"""Challenges for browsers, and what answers them."""

import base64
import json
from typing import Any

import altcha
import pytest

from moderation_service.domain.errors import FieldsInvalidError, ProofExpiredError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.screening import work
from moderation_service.domain.screening.work import Challenges
from tests.conftest import Clock
from tests.support.factories import OTHER_SECRET, SECRET
from tests.support.proofs import proof_of

ID, OTHER_ID = "0197c0de-0000-7000-8000-000000000001", "0197c0de-0000-7000-8000-000000000002"


@pytest.fixture
def challenges(clock: Clock) -> Challenges:
    return Challenges(KeyRing([SECRET]), clock)


def encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def test_an_answer_holds_for_its_comment_until_the_challenge_expires(challenges: Challenges, clock: Clock) -> None:
    challenge = challenges.make(ID)
    proof = proof_of(challenge)
    challenges.check(proof, ID)
    with pytest.raises(FieldsInvalidError) as raised:
        challenges.check(proof, OTHER_ID)
    assert raised.value.errors == {"proof": ["invalid_proof"]}
    rotated = Challenges(KeyRing([OTHER_SECRET, SECRET]), clock)
    rotated.check(proof, ID)
    clock.now += work.LIFETIME
    challenges.check(proof, ID)
    clock.advance(seconds=1)
    with pytest.raises(ProofExpiredError):
        challenges.check(proof, ID)


def test_what_is_forged_or_wrong_is_refused(challenges: Challenges, clock: Clock) -> None:
    challenge = challenges.make(ID)
    found = json.loads(base64.b64decode(proof_of(challenge)))
    data = challenge["parameters"]["data"]
    easy = altcha.create_challenge("SHA-256", 1, counter=work.LEAST, data=data).to_dict()
    others = Challenges(KeyRing([OTHER_SECRET]), clock).make(ID)
    later = {**challenge["parameters"], "data": {"comment": ID, "until": 10**12}}
    wrong = [
        "",
        "x",
        "ä",
        encoded([]),
        encoded({"challenge": challenge}),
        encoded({"challenge": [], "solution": []}),
        encoded({"challenge": challenge, "solution": {"counter": -1, "derivedKey": "00"}}),
        encoded({"challenge": challenge, "solution": {"counter": "1", "derivedKey": None}}),
        encoded({**found, "solution": {**found["solution"], "counter": found["solution"]["counter"] + 1}}),
        encoded({**found, "challenge": {**challenge, "parameters": later}}),
        encoded({**found, "challenge": {"parameters": challenge["parameters"]}}),
        proof_of({**easy, "signature": challenge["signature"]}),
        encoded({"challenge": others, "solution": found["solution"]}),
        base64.b64encode(b"[" * 2_900).decode(),
    ]
    for proof in wrong:
        with pytest.raises(FieldsInvalidError) as raised:
            challenges.check(proof, ID)
        assert raised.value.errors == {"proof": ["invalid_proof"]}, proof


def test_no_challenge_is_found_at_once_nor_takes_for_ever(challenges: Challenges) -> None:
    counters = [json.loads(base64.b64decode(proof_of(challenges.make(ID))))["solution"]["counter"] for _ in "12"]
    assert all(work.LEAST <= one < work.MOST for one in counters)
    assert len(set(counters)) == 2
