"""A comment's whole way: posted, stored, mailed, approved by a click, read."""

from urllib.parse import urlsplit

from aiohttp import ClientSession

from tests.support.factories import ADDRESS, PAGE, a_submission
from tests.support.mailed import press
from tests.support.smtp import MailServer


async def test_a_comment_is_posted_mailed_approved_and_read(http: ClientSession, smtp: MailServer) -> None:
    posted = await http.post("/api/v1/comments", json=a_submission())
    assert posted.status == 202
    receipt = await posted.json()
    assert receipt["status"] == "pending"
    assert receipt["page_url"] == PAGE

    await smtp.wait_for(2)
    [mail] = smtp.to("anna@example.org")
    assert "interessante…" in mail.text()
    assert ADDRESS not in mail.raw.decode()
    approve = urlsplit(mail.link("/approve")).path

    listed = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
    assert listed["comments"] == []

    shown = await http.get(approve)
    assert shown.status == 200
    assert "interessante…" in await shown.text()
    listed = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
    assert listed["comments"] == []

    decided = await press(http, approve)
    assert decided.status == 200
    assert "Approvato</h1>" in await decided.text()

    listed = await (
        await http.get("/api/v1/comments", params={"page_url": PAGE + "?utm_source=mail#respond"})
    ).json()
    assert listed["count"] == 1
    assert [comment["author_name"] for comment in listed["comments"]] == ["Giuliana"]
    one = await http.get(f"/api/v1/comments/{receipt['id']}")
    assert one.status == 200
    assert ADDRESS not in await one.text()
