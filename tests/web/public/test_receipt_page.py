"""The page behind a receipt: an author reads, edits and withdraws a comment without JavaScript."""

import pytest
from aiohttp import ClientResponse, ClientSession

from tests.conftest import ENGINES
from tests.support.factories import a_submission
from tests.support.forms import Form
from tests.support.posting import COMMENTS, decide, post, queued

pytestmark = pytest.mark.parametrize("place", [ENGINES[0]], indirect=True)
HOSTILE = "\n</textarea><script>alert(1)</script>"


async def a_receipt(http: ClientSession, body: str = "interessante…") -> tuple[str, str]:
    """Post a comment; its id, and the path of the page for its author."""
    receipt = await post(http, body=body)
    return receipt["id"], f"/receipts/{receipt['receipt_url'].rpartition('/')[2]}"


async def send(http: ClientSession, path: str, **fields: str) -> ClientResponse:
    """Press a button of the page as it stands, with other fields than are in its form."""
    shown = Form(await (await http.get(path)).text()).values
    return await http.post(path, data=shown | fields)


async def test_an_author_edits_and_withdraws_by_forms(http: ClientSession) -> None:
    comment_id, path = await a_receipt(http)
    page = await http.get(path)
    text = await page.text()
    assert page.status == 200
    assert 'lang="it"' in text
    assert "È in attesa di approvazione." in text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert "Content-Encoding" not in page.headers
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "Ihr Kommentar" in await (await http.get(path, headers={"Accept-Language": "de"})).text()
    edited = await send(http, path, body="molto *interessante*", do="edit")
    assert edited.status == 200
    assert "Le modifiche sono state salvate." in await edited.text()
    assert "molto <em>interessante</em>" in await edited.text()
    [waiting] = await queued(http)
    assert (waiting["body"], waiting["revision"]) == ("molto *interessante*", 2)
    gone = await send(http, path, do="withdraw")
    text = await gone.text()
    assert gone.status == 200
    assert "L’hai ritirato." in text
    assert "<textarea" not in text
    again = await http.post(path, data={"do": "withdraw"})
    assert again.status == 409
    assert [(one["id"], one["status"]) for one in await queued(http)] == [(comment_id, "withdrawn")]


async def test_nothing_happens_without_the_page_as_the_comment_stands(http: ClientSession) -> None:
    comment_id, path = await a_receipt(http)
    shown = Form(await (await http.get(path)).text()).values
    _, other = await a_receipt(http, "un altro")
    of_another = Form(await (await http.get(other)).text()).values["form_token"]
    for token in ("", "x", of_another):
        for do in ("edit", "withdraw"):
            answer = await http.post(path, data={"body": "altro", "do": do, "form_token": token})
            assert answer.status == 409
    assert (await send(http, path, body="prima", do="edit")).status == 200
    stale = await http.post(path, data=shown | {"body": "poi", "do": "edit"})
    assert stale.status == 409
    assert Form(await stale.text()).values["body"] == "poi", "what was typed is not lost"
    fields = Form(await (await http.get(path)).text()).values
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert (await http.post(path, data=fields | {"do": "withdraw"}, headers=headers)).status == 403
    assert {one["body"]: one["status"] for one in await queued(http)} == {
        "prima": "pending",
        "un altro": "pending",
    }
    await decide(http, "approve", comment_id)
    text = await (await http.get(path)).text()
    assert "È stato pubblicato." in text
    assert 'value="withdraw"' not in text
    await decide(http, "reject", comment_id)
    assert 'value="edit"' not in await (await http.get(path)).text()


async def test_a_text_that_cannot_be_kept_is_shown_again_with_the_reason(http: ClientSession) -> None:
    _, path = await a_receipt(http)
    empty = await send(http, path, body=" ", do="edit")
    assert empty.status == 422
    assert 'aria-describedby="body-fault"' in await empty.text()
    long = await send(http, path, body=HOSTILE + "x" * 65_525, do="edit")
    assert long.status == 422
    assert Form(await long.text()).values["body"].removeprefix("\n") == HOSTILE + "x" * 65_525
    assert "<script" not in await long.text()
    for number in range(19):
        assert (await http.post(COMMENTS, json=a_submission(body=f"il numero {number}"))).status == 202
    late = await send(http, path, body="uno di troppo", do="edit")
    assert late.status == 429
    assert Form(await late.text()).values["body"] == "uno di troppo"
    assert "Retry-After" in late.headers
