"""The form of WordPress's themes, by its own names: what a static copy of such a site goes on to send."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.locales import LANGUAGES
from tests.support.cases import in_turn
from tests.support.factories import ADDRESS, OTHER_PAGE, PAGE, SITES
from tests.support.forms import Form
from tests.support.posting import COMMENTS, decide, multipart, post, published, queued, urlencoded, without_note

WORDPRESS = "/wp-comments-post.php"
OWN = "https://www.example.org"
OTHER = "https://altro.example.com"
NOBODY = "01890000-0000-7000-8000-000000000000"
FROM_PAGE = {"Origin": OWN, "Referer": PAGE}
FROM_ELSEWHERE = {"Origin": OWN, "Referer": f"{OWN}/"}
"""What a browser says of a page whose form goes to another origin, by the policy that all have today."""


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for what is decided before it."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """The usual environment, with a page that WordPress numbered."""
    mapped = f'[site.wordpress_pages]\n"2" = "{PAGE}"\n\n[[site.moderator]]'
    Path(environ["MODERATION_SITES"]).write_text(SITES.replace("[[site.moderator]]", mapped, 1), encoding="utf-8")
    return environ


def a_form(**changed: Any) -> dict[str, Any]:
    """What a theme's form sends, with the fields of some plugins."""
    given = {
        "comment": "interessante…",
        "author": "Giuliana",
        "email": ADDRESS,
        "url": "",
        "comment_post_ID": "7",
        "comment_parent": "0",
        "wp-comment-cookies-consent": "yes",
        "ak_js": "1732880000000",
        "submit": "Invia commento",
    } | changed
    return {name: value for name, value in given.items() if value is not None}


async def send(http: ClientSession, headers: Mapping[str, str], **changed: Any) -> ClientResponse:
    body, kind = urlencoded(a_form(**changed))
    return await http.post(WORDPRESS, data=body, headers={**kind, **headers}, allow_redirects=False)


@pytest.mark.parametrize(
    ("headers", "changed"),
    [
        (FROM_PAGE, {}),
        ({"Referer": PAGE}, {}),
        ({"Origin": "null", "Referer": PAGE}, {}),
        (FROM_ELSEWHERE, {"page_url": PAGE}),
        (FROM_ELSEWHERE, {"comment_post_ID": "2"}),
        ({"Origin": OWN}, {"comment_post_ID": " 2 "}),
        ({}, {"page_url": PAGE}),
    ],
    ids=[
        "referer",
        "no origin",
        "opaque origin",
        "field",
        "number",
        "number without referer",
        "nothing but field",
    ],
)
async def test_a_form_says_its_page_in_one_of_three_ways(
    http: ClientSession, headers: Mapping[str, str], changed: Mapping[str, Any]
) -> None:
    answer = await send(http, headers, **changed)
    assert (answer.status, without_note(answer.headers["Location"])) == (303, PAGE)
    [comment] = await queued(http)
    assert comment["page_url"] == PAGE
    assert (comment["body"], comment["author_name"]) == ("interessante…", "Giuliana")
    assert comment["parent_id"] is None


async def test_the_field_goes_before_the_number_and_the_number_before_the_browser(
    http: ClientSession,
) -> None:
    elsewhere = {"Origin": OWN, "Referer": f"{OWN}/contatti"}
    await send(http, elsewhere, page_url=f"{OWN}/blog", comment_post_ID="2")
    await send(http, elsewhere, comment_post_ID="2")
    await send(http, elsewhere)
    assert {one["page_url"] for one in await queued(http)} == {f"{OWN}/blog", PAGE, f"{OWN}/contatti"}


async def test_multipart_is_taken_and_a_page_has_its_title(http: ClientSession) -> None:
    body, kind = multipart(a_form(page_url=PAGE, page_title="Chi siamo", url="https://giuliana.example"))
    answer = await http.post(WORDPRESS, data=body, headers=kind, allow_redirects=False)
    assert answer.status == 303
    [comment] = await queued(http)
    assert (comment["page_title"], comment["author_url"]) == ("Chi siamo", "https://giuliana.example")


@in_turn("headers", [{}, FROM_ELSEWHERE, {"Origin": OWN}, {"Referer": OWN}])
@in_turn("language", LANGUAGES)
async def test_a_form_that_names_no_page_is_told_how_and_gives_the_text_back(
    http: ClientSession, headers: Mapping[str, str], language: str
) -> None:
    answer = await send(http, {**headers, "Accept-Language": language}, comment="<b>una riga\ne un\u2019altra")
    page = await answer.text()
    assert (answer.status, answer.content_type) == (422, "text/html")
    assert f'lang="{language}"' in page
    assert all(name in page for name in ("page_url", "site.wordpress_pages", "comment_post_ID"))
    assert "&lt;b&gt;una riga\ne un\u2019altra</textarea>" in page
    assert ADDRESS not in page
    assert await queued(http) == []


@pytest.mark.parametrize(
    ("name", "ours", "value", "limit"),
    [
        ("author", "author_name", "è" * 122 + "ab", "245"),
        ("email", "author_email", f"{'g' * 64}@{'e' * 32}.org", "100"),
        ("url", "author_url", f"https://www.example.com/{'a' * 177}", "200"),
        ("comment", "body", "è" * 32_763, "65.525"),
    ],
)
async def test_the_limits_are_bytes_as_wordpress_has_them(
    http: ClientSession, name: str, ours: str, value: str, limit: str
) -> None:
    refused = await send(http, FROM_PAGE, **{name: value})
    page = await refused.text()
    assert refused.status == 422
    assert f'id="{ours}-fault"' in page
    assert limit in page
    assert Form(page).values["author_email" if name != "email" else "author_name"]
    shorter = value[1:] if name != "url" else value[:-1]
    assert (await send(http, FROM_PAGE, **{name: shorter})).status == 303


async def test_all_that_is_wrong_is_shown_over_a_form_of_ours_that_can_be_sent(
    http: ClientSession,
) -> None:
    answer = await send(http, FROM_PAGE, author="", email="giuliana@esempio", comment="  ")
    page = await answer.text()
    assert answer.status == 422
    assert [f'id="{name}-fault"' in page for name in ("author_name", "author_email", "body")] == [True] * 3
    form = Form(page)
    assert form.values["page_url"] == PAGE
    mended = form.values | {"author_name": "Giuliana", "author_email": ADDRESS, "body": "interessante…"}
    body, kind = urlencoded(mended)
    again = await http.post(urlsplit(form.action).path, data=body, headers=kind, allow_redirects=False)
    assert again.status == 303
    assert len(await queued(http)) == 1


async def test_a_parent_is_one_of_ours_on_the_page_or_none(http: ClientSession) -> None:
    parent = await published(http)
    waiting = (await post(http, body="in attesa"))["id"]
    elsewhere = await published(http, page_url=f"{OWN}/blog")
    for number, given in enumerate([parent, parent.upper(), waiting, elsewhere, NOBODY, "12", "-1", "è"]):
        assert (await send(http, FROM_PAGE, comment=f"risposta {number}", comment_parent=given)).status == 303
    answered = {one["body"]: one["parent_id"] for one in await queued(http) if "risposta" in one["body"]}
    assert [answered[f"risposta {number}"] for number in range(8)] == [parent, parent, *[None] * 6]


@in_turn(
    "headers, changed, status",
    [
        ({"Origin": "https://evil.example", "Referer": PAGE}, {}, 422),
        ({"Origin": "https://evil.example"}, {"page_url": PAGE}, 403),
        ({"Origin": OTHER}, {"page_url": PAGE}, 403),
        ({"Referer": OTHER_PAGE}, {"page_url": PAGE}, 403),
        (FROM_PAGE, {"page_url": OTHER_PAGE}, 403),
        ({}, {"page_url": "https://nobody.example/"}, 403),
    ],
)
async def test_what_another_sites_page_sends_is_refused(
    http: ClientSession, headers: Mapping[str, str], changed: Mapping[str, Any], status: int
) -> None:
    answer = await send(http, headers, **changed)
    assert answer.status == status
    assert await queued(http) == []


@in_turn("redirect_to", ["https://evil.example/", "//evil.example", "/\\evil.example", OTHER_PAGE])
async def test_nobody_is_sent_to_another_site(http: ClientSession, redirect_to: str) -> None:
    answer = await send(http, FROM_PAGE, redirect_to=redirect_to)
    assert answer.headers.get("Location", OWN).startswith(OWN)


async def test_redirect_to_is_honoured_on_the_site_and_by_a_second_press(
    http: ClientSession,
) -> None:
    answers = [await send(http, FROM_PAGE, redirect_to="/grazie") for _ in range(2)]
    first, again = [answer.headers["Location"] for answer in answers]
    assert without_note(first) == again == f"{OWN}/grazie"
    assert len(await queued(http)) == 1


async def test_binary_rubbish_and_other_methods_have_a_clear_answer(http: ClientSession) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    rubbish = await http.post(WORDPRESS, data=bytes(range(256)) * 40, headers=kind | FROM_PAGE)
    assert rubbish.status == 400
    other = await http.post(WORDPRESS, json=a_form(), headers=FROM_PAGE)
    assert other.status == 415
    got = await http.get(WORDPRESS)
    assert (got.status, got.headers["Allow"]) == (405, "POST")
    assert await queued(http) == []


async def test_a_comment_of_the_form_is_published_as_any_other(http: ClientSession) -> None:
    await send(http, FROM_PAGE)
    [waiting] = await queued(http)
    await decide(http, "approve", waiting["id"])
    listed = await (await http.get(COMMENTS, params={"page_url": PAGE})).json()
    assert [one["author_name"] for one in listed["comments"]] == ["Giuliana"]
    assert ADDRESS not in str(listed)
