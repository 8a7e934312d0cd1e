"""Who comes without a link is told what this is, and finds no 404 that a browser or a robot asks for by itself."""

from aiohttp import ClientSession

from tests.conftest import Start
from tests.support.cases import in_turn, one_engine
from tests.support.contract import client_of


@one_engine
@in_turn(
    "language, words",
    [
        ("en", "shows them once a moderator has approved them"),
        ("it", "dopo l’approvazione di un moderatore"),
        ("de", "nach der Freigabe"),
        ("fr", "modérateur"),
        ("es", "moderador"),
    ],
)
async def test_the_front_page_says_what_this_is(http: ClientSession, language: str, words: str) -> None:
    answer = await http.get("/", headers={"Accept-Language": language})
    assert answer.status == 200
    text = await answer.text()
    assert f'<html lang="{language}">' in text
    assert words in text
    assert 'href="https://comments.example.net/desk"' in text
    assert 'href="https://comments.example.net/docs"' in text


@one_engine
async def test_comments_of_no_page_say_what_is_missing(http: ClientSession) -> None:
    answer = await http.get("/comments", headers={"Accept-Language": "en"})
    assert answer.status == 422
    assert "does not say which page" in await answer.text()


@one_engine
async def test_robots_and_browsers_find_what_they_ask_for(start: Start) -> None:
    service = await start(public_url="https://www.example.net/talk")
    async with client_of(service.url) as http:
        robots = await (await http.get("/robots.txt")).text()
        assert "Disallow: /talk/moderate/\n" in robots
        icon = await http.get("/favicon.ico")
        assert (icon.status, icon.content_type) == (200, "image/svg+xml")
