"""Where a site is tried out its pages are the site's pages; nowhere else."""

from pathlib import Path

import pytest

from tests.conftest import Start
from tests.support.cases import one_engine
from tests.support.contract import client_of
from tests.support.factories import PAGE, SITES, a_submission
from tests.support.posting import without_note

PREVIEWS = 'preview_origins = ["http://localhost:*", "https://*.preview.example"]'


@pytest.fixture(autouse=True)
def previews(environ: dict[str, str]) -> None:
    """Let the first site be tried out somewhere."""
    text = SITES.replace('language = "it"', f'{PREVIEWS}\nlanguage = "it"', 1)
    Path(environ["MODERATION_SITES"]).write_text(text, encoding="utf-8")


@one_engine
@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://pr-7.preview.example"])
async def test_a_comment_from_a_preview_is_one_of_the_sites_page_and_leads_back_to_the_preview(
    start: Start, origin: str
) -> None:
    service = await start(screening="off")
    there = PAGE.replace("https://www.example.org", origin)
    async with client_of(service.url) as http:
        posted = await http.post("/api/v1/comments", json=a_submission(page_url=there), headers={"Origin": origin})
        assert posted.status == 202
        assert (await posted.json())["page_url"] == PAGE
        assert posted.headers["Access-Control-Allow-Origin"] == origin
        form = a_submission(page_url=there, body="ancora", redirect_to=f"{origin}/grazie")
        for fields, location in ((form, f"{origin}/grazie"), (a_submission(page_url=there, body="e poi"), there)):
            led = await http.post(
                "/api/v1/comments", data=fields, headers={"Origin": origin}, allow_redirects=False
            )
            assert (led.status, without_note(led.headers["Location"])) == (303, location)
        page = await http.get("/comments", params={"page_url": there})
        assert page.status == 200
        [ancestors] = [
            one.strip().split()[1:]
            for one in page.headers["Content-Security-Policy"].split(";")
            if one.strip().startswith("frame-ancestors")
        ]
        assert set(ancestors) == {"https://www.example.org", "http://localhost:*", "https://*.preview.example"}


@one_engine
@pytest.mark.parametrize(
    "origin",
    [
        "https://preview.example",
        "https://a.b.preview.example",
        "http://pr-7.preview.example",
        "https://localhost:3000",
        "http://localhost.evil.example:3000",
    ],
)
async def test_nothing_is_taken_from_beside_a_preview(start: Start, origin: str) -> None:
    service = await start(screening="off")
    async with client_of(service.url) as http:
        posted = await http.post("/api/v1/comments", json=a_submission(), headers={"Origin": origin})
        assert posted.status == 403
        there = a_submission(page_url=PAGE.replace("https://www.example.org", origin))
        assert (await http.post("/api/v1/comments", json=there)).status == 403
