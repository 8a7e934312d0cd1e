"""A comment in each encoding of the contract, as bytes on the wire; and what becomes of it."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
from aiohttp import ClientSession

from tests.support.factories import API_KEY, a_submission, bearer

COMMENTS = "/api/v1/comments"
Encoded = tuple[bytes, dict[str, str]]
BOUNDARY = "----a-boundary-of-the-tests"


def raw_json(fields: Mapping[str, Any]) -> Encoded:
    return orjson.dumps(fields), {"Content-Type": "application/json"}


def escaped_json(fields: Mapping[str, Any]) -> Encoded:
    return json.dumps(fields, ensure_ascii=True).encode(), {"Content-Type": "application/json; charset=utf-8"}


def urlencoded(fields: Mapping[str, Any]) -> Encoded:
    return urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"}


def multipart(fields: Mapping[str, Any]) -> Encoded:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    body = "".join(parts) + f"--{BOUNDARY}--\r\n"
    return body.encode(), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


ENCODINGS: dict[str, Callable[[Mapping[str, Any]], Encoded]] = {
    "raw JSON": raw_json,
    "escaped JSON": escaped_json,
    "urlencoded": urlencoded,
    "multipart": multipart,
}
ACCEPTED = {"raw JSON": 202, "escaped JSON": 202, "urlencoded": 303, "multipart": 303}


async def post(http: ClientSession, *, headers: Mapping[str, str] | None = None, **changed: Any) -> dict[str, Any]:
    """Post a comment that is accepted; its receipt."""
    answer = await http.post(COMMENTS, json=a_submission(**changed), headers=headers)
    assert answer.status == 202, await answer.text()
    receipt: dict[str, Any] = await answer.json()
    return receipt


def without_note(location: str) -> str:
    """Where a form leads back to, without what says there that a comment came; that there is such a note."""
    parts = urlsplit(location)
    given = parts.query.split("&")
    kept = [one for one in given if not one.startswith("comment_receipt=")]
    assert len(given) == len(kept) + 1, location
    fragment = "" if parts.fragment.startswith("comment-") else parts.fragment
    return parts._replace(query="&".join(kept), fragment=fragment).geturl()


async def status_of(http: ClientSession, headers: Mapping[str, str] | None = None, **changed: Any) -> int:
    """Post a comment; the status of the answer."""
    return (await http.post(COMMENTS, json=a_submission(**changed), headers=headers)).status


async def queued(http: ClientSession) -> list[dict[str, Any]]:
    """What the moderation API shows of the site's comments."""
    answer = await http.get("/api/v1/moderation/comments", headers=bearer())
    found: list[dict[str, Any]] = (await answer.json())["comments"]
    return found


async def decide(http: ClientSession, decision: str, *ids: str, key: str = API_KEY) -> None:
    """Decide on comments as a program of the site."""
    decisions = [{"id": one, "decision": decision} for one in ids]
    answer = await http.post("/api/v1/moderation/decisions", json={"decisions": decisions}, headers=bearer(key))
    assert {one["outcome"] for one in (await answer.json())["results"]} == {"done"}


async def published(http: ClientSession, **changed: Any) -> str:
    """Post a comment and approve it; its id."""
    comment_id: str = (await post(http, **changed))["id"]
    await decide(http, "approve", comment_id)
    return comment_id


def path_of(receipt: dict[str, Any]) -> str:
    """Where a script asks for the comment of a receipt."""
    return f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}"


async def decided(http: ClientSession, comment_id: str, decision: str = "approve", **asked: Any) -> str:
    """Decide as a program; what became of it."""
    body = {"decisions": [{"id": comment_id, "decision": decision, **asked}]}
    answer = await http.post("/api/v1/moderation/decisions", json=body, headers=bearer())
    [result] = (await answer.json())["results"]
    outcome: str = result["outcome"]
    return outcome
