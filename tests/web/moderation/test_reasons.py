"""Reasons of decisions: chosen by program, link and desk; who is told of them, and in what words."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.conftest import ENGINES
from tests.support.desk import logged_in, replace_sites, text_of
from tests.support.factories import PAGE, SITES, a_submission, bearer
from tests.support.mailed import post as mailed
from tests.support.mailed import pressed
from tests.support.posting import decide, post, published
from tests.support.running import Running
from tests.support.smtp import MailServer

DECISIONS = "/api/v1/moderation/decisions"
OWN = """
[[site.reason]]
code = "party_politics"
text = {it = "Non pubblichiamo propaganda di partito.", en = "We do not publish party propaganda."}
"""
WITH_OWN = SITES.replace('[[site]]\nid = "altro"', f'{OWN}\n[[site]]\nid = "altro"')
SQLITE = pytest.mark.parametrize("place", [ENGINES[0]], indirect=True)


async def decided(http: ClientSession, *decisions: dict[str, Any]) -> int:
    answer = await http.post(DECISIONS, json={"decisions": decisions}, headers=bearer())
    return answer.status


async def history(http: ClientSession, comment_id: str) -> list[tuple[str, str | None, str | None]]:
    answer = await http.get(f"/api/v1/moderation/comments/{comment_id}/history", headers=bearer())
    return [(one["decision"], one["reason"], one["note"]) for one in (await answer.json())["history"]]


async def change_of(http: ClientSession, comment_id: str) -> dict[str, Any]:
    found = await (await http.get("/api/v1/changes", params={"site": "coop"})).json()
    [change] = [one for one in found["changes"] if one["comment_id"] == comment_id]
    return dict(change)


async def test_a_reason_is_kept_told_and_brought_back_by_undo(http: ClientSession) -> None:
    receipt = await post(http)
    own = f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}"
    one = {"id": receipt["id"]}
    await decide(http, "approve", receipt["id"])
    assert (await change_of(http, receipt["id"]))["reason"] is None
    insult = one | {"decision": "reject", "reason": "insult", "note": "due volte"}
    assert await decided(http, insult) == 200
    change = await change_of(http, receipt["id"])
    assert (change["type"], change["reason"], change["comment"]) == ("withdrawn", "insult", None)
    assert "due volte" not in str(change)
    told = await (await http.get(own, headers={"Accept-Language": "de"})).json()
    assert told["reason"] == {
        "code": "insult",
        "message": "Der Kommentar beleidigt Menschen oder greift sie an.",
    }
    assert (await (await http.get(own)).json())["reason"]["message"].startswith("Il commento")
    page = text_of(await (await http.get(f"/receipts/{receipt['receipt_url'].rpartition('/')[2]}")).text())
    assert "Il motivo: Il commento insulta o attacca altre persone." in page
    assert "due volte" not in page
    assert await decided(http, one | {"decision": "approve"}) == 200
    assert (await (await http.get(own)).json())["reason"] is None
    assert await decided(http, one | {"decision": "undo"}) == 200
    assert (await change_of(http, receipt["id"]))["reason"] == "insult"
    assert (await (await http.get(own)).json())["reason"]["code"] == "insult"
    assert await decided(http, one | {"decision": "spam", "reason": "advertising"}) == 200
    assert (await (await http.get(own)).json())["reason"] is None, "who is taken for a spammer is told nothing"
    assert await history(http, receipt["id"]) == [
        ("approve", None, None),
        ("reject", "insult", "due volte"),
        ("approve", None, None),
        ("undo", "insult", None),
        ("spam", "advertising", None),
    ]


@SQLITE
async def test_a_reason_of_the_site_is_offered_told_and_outlives_the_file(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path
) -> None:
    receipt = await post(http)
    named = {"id": receipt["id"], "decision": "reject", "reason": "party_politics"}
    answer = await http.post(DECISIONS, json={"decisions": [named]}, headers=bearer())
    assert answer.status == 422
    assert list((await answer.json())["errors"]) == ["decisions.0.reason"]
    await replace_sites(service, tmp_path, WITH_OWN)
    assert await decided(http, named) == 200
    path = f"/receipts/{receipt['receipt_url'].rpartition('/')[2]}"
    said = {
        language: text_of(await (await http.get(path, headers={"Accept-Language": language})).text())
        for language in ("it", "en", "de")
    }
    assert "Il motivo: Non pubblichiamo propaganda di partito." in said["it"]
    assert "The reason: We do not publish party propaganda." in said["en"]
    assert "Der Grund: Non pubblichiamo propaganda di partito." in said["de"], "the site's language, where none is"
    browser = await logged_in(http, smtp)
    desk_page = f"/desk/comments/{receipt['id']}"
    assert "Motivo: Non pubblichiamo" in text_of(await (await browser.get(desk_page)).text())
    await replace_sites(service, tmp_path, SITES)
    assert "Il motivo: party_politics" in text_of(await (await http.get(path)).text())
    assert "Motivo: party_politics" in text_of(await (await browser.get(desk_page)).text())
    assert await history(http, receipt["id"]) == [("reject", "party_politics", None)]
    assert await decided(http, {"id": receipt["id"], "decision": "approve"}) == 200
    assert await decided(http, {"id": receipt["id"], "decision": "undo"}) == 200
    assert (await change_of(http, receipt["id"]))["reason"] == "party_politics"


@SQLITE
async def test_link_and_desk_offer_reasons_and_need_none(http: ClientSession, smtp: MailServer) -> None:
    posted = await mailed(http, smtp)
    path = posted.path("reject")
    page = await (await http.get(path)).text()
    assert '<option value="personal_data">Dati personali</option>' in page
    gone = await http.post(path, data=pressed(path) | {"reason": "gone"})
    assert gone.status == 422
    assert await history(http, posted.id) == []
    sent = await http.post(path, data=pressed(path) | {"reason": "personal_data", "note": "il suo numero"})
    assert sent.status == 200
    browser = await logged_in(http, smtp)
    shown = await browser.shown(f"/desk/comments/{posted.id}")
    revision = f"{posted.id}.rejected.1"
    await browser.post("/desk/decisions", shown | {"one": f"approve.{revision}", "reason": "insult"})
    await browser.post("/desk/decisions", shown | {"one": f"reject.{posted.id}.approved.1", "reason": "illegal"})
    other = await published(http, page_url=f"{PAGE}/altro")
    await browser.post("/desk/decisions", shown | {"one": f"reject.{other}.approved.1", "reason": ""})
    assert await history(http, posted.id) == [
        ("reject", "personal_data", "il suo numero"),
        ("approve", None, None),
        ("reject", "illegal", None),
    ]
    assert (await history(http, other))[-1] == ("reject", None, None)
    assert (await http.post("/api/v1/comments", json=a_submission(body="ancora"))).status == 202
