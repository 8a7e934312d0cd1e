"""Blocks over HTTP: made, listed and lifted by programs, and what a blocked visitor is told."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession

from tests.conftest import Clock
from tests.support.factories import ADDRESS, OTHER_API_KEY, PAGE, a_submission, bearer
from tests.support.posting import COMMENTS, post

TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
BLOCKS = "/api/v1/moderation/blocks"


async def block(http: ClientSession, **fields: Any) -> list[dict[str, Any]]:
    answer = await http.post(BLOCKS, json=fields, headers=bearer())
    assert answer.status == 201, await answer.text()
    made: list[dict[str, Any]] = (await answer.json())["blocks"]
    return made


async def listed(http: ClientSession, key: str | None = None, **asked: str) -> dict[str, Any]:
    answer = await http.get(BLOCKS, params=asked, headers=bearer(key) if key else bearer())
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def lift(http: ClientSession, block_id: str, key: str | None = None) -> int:
    answer = await http.delete(f"{BLOCKS}/{block_id}", headers=bearer(key) if key else bearer())
    return answer.status


async def refusal(http: ClientSession, **fields: Any) -> dict[str, Any]:
    answer = await http.post(COMMENTS, json=a_submission(**fields))
    assert answer.status == 403, await answer.text()
    problem: dict[str, Any] = await answer.json()
    return problem


async def test_a_program_blocks_sees_and_lifts_what_is_its_sites(http: ClientSession, clock: Clock) -> None:
    ends_at = (clock() + timedelta(days=3)).isoformat()
    [address] = await block(http, kind="address", value=ADDRESS, ends_at=ends_at, reason="insulti")
    [word] = await block(http, kind="word", value=" buy  now ", ends_at=None)
    [network] = await block(http, kind="network", value="203.0.113.9/24")
    assert address == {
        "id": address["id"],
        "kind": "address",
        "value": "g…@e….com",
        "reason": "insulti",
        "made_by": None,
        "means": "api",
        "created_at": address["created_at"],
        "ends_at": "2026-11-25T10:00:00Z",
        "is_over": False,
    }
    assert (word["value"], word["ends_at"]) == ("buy now", None)
    assert (network["value"], network["ends_at"]) == ("203.0.113.0/24", "2027-11-22T10:00:00Z")
    assert (await listed(http))["blocks"] == [network, word, address]
    first = await listed(http, limit="2")
    assert first["blocks"] == [network, word]
    assert await listed(http, cursor=first["next_cursor"]) == {"blocks": [address], "next_cursor": None}
    assert (await listed(http, OTHER_API_KEY))["blocks"] == []
    for block_id, key in ((address["id"], OTHER_API_KEY), ("x", None), (PAGE.encode().hex()[:8], None)):
        assert await lift(http, block_id, key) == 404
    problem = await refusal(http)
    assert problem["type"].endswith(":blocked")
    assert await lift(http, address["id"]) == 204
    assert await lift(http, address["id"]) == 404
    await post(http)
    clock.advance(days=366)
    assert [one["is_over"] for one in (await listed(http))["blocks"]] == [True, False]
    assert "canary" not in str(await listed(http))


async def test_every_block_is_answered_in_the_same_words_and_a_repeated_request_as_before(
    http: ClientSession,
) -> None:
    key = {"Idempotency-Key": "one"}
    before = await post(http, headers=key)
    await block(http, kind="domain", value="spam.example")
    await block(http, kind="word", value="casino")
    [_] = await block(http, kind="address", comment_id=before["id"])
    assert await post(http, headers=key) == before
    said = [
        await refusal(http, author_email="other@example.com", body="vedi https://www.spam.example/x"),
        await refusal(http, author_email="other@example.com", body="Casino!"),
        await refusal(http, body="di nuovo"),
    ]
    assert said[0] == said[1] == said[2]
    assert (said[0]["title"], said[0]["status"]) == ("Comment not accepted", 403)
    form = await http.post(COMMENTS, data=a_submission(body="Casino <b>"), allow_redirects=False)
    page = await form.text()
    assert form.status == 403
    assert "Casino &lt;b&gt;" in page
    assert "<form" not in page
    path = urlsplit(before["receipt_url"]).path
    edited = await http.patch(f"/api/v1{path}", json={"body": "casino"})
    assert edited.status == 403
    token = TOKEN.findall(await (await http.get(path)).text())[0]
    kept = await http.post(path, data={"form_token": token, "do": "edit", "body": "un casino"})
    assert kept.status == 403
    assert "un casino</textarea>" in await kept.text()


async def test_a_comment_that_leads_to_several_domains_makes_several_blocks(http: ClientSession) -> None:
    comment = await post(http, body="https://b.example https://a.example")
    made = await block(http, kind="domain", comment_id=comment["id"])
    assert [one["value"] for one in made] == ["a.example", "b.example"]
    [network] = await block(http, kind="network", comment_id=comment["id"])
    assert network["value"] is None
    assert (await refusal(http, body="altro", author_email="other@example.com"))["status"] == 403
    answer = await http.post(
        BLOCKS, json={"kind": "address", "comment_id": comment["id"]}, headers=bearer(OTHER_API_KEY)
    )
    assert answer.status == 404


FAULTS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"value": "x"}, {"kind": "required"}),
    ({"kind": "smell", "value": "x"}, {"kind": "invalid_choice"}),
    ({"kind": "word"}, {"value": "required"}),
    ({"kind": "word", "value": "x", "comment_id": "0" * 36}, {"comment_id": "invalid_id"}),
    ({"kind": "word", "value": "x", "sort": 1}, {"sort": "unknown_field"}),
    ({"kind": "network", "value": "0.0.0.0/0"}, {"value": "invalid_block"}),
    ({"kind": "domain", "value": "example.org"}, {"value": "invalid_block"}),
    ({"kind": "word", "value": "x", "ends_at": "2020-01-01T00:00:00Z"}, {"ends_at": "in_the_past"}),
    ({"kind": "word", "value": "x", "ends_at": "2030-01-01T00:00:00"}, {"ends_at": "wrong_type"}),
    ({"kind": "word", "value": "x", "ends_at": "9999-12-31T23:00:00-10:00"}, {"ends_at": "wrong_type"}),
    ({"kind": "word", "value": "x", "ends_at": 5}, {"ends_at": "wrong_type"}),
    ({"kind": "word", "value": "x", "reason": "a\nb"}, {"reason": "control_character"}),
]


async def test_what_cannot_be_blocked_is_named(http: ClientSession) -> None:
    for fields, named in FAULTS:
        answer = await http.post(BLOCKS, json=fields, headers=bearer())
        assert answer.status == 422, fields
        errors = (await answer.json())["errors"]
        assert {name: found[0]["code"] for name, found in errors.items()} == named
