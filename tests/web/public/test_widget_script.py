"""The scripts that websites embed: small files, kept by browsers and asked for again each time."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from moderation_service.locales import LANGUAGES

SCRIPT, COUNTS = "/embed/comments.js", "/embed/counts.js"
FIELDS = ("body", "author_name", "author_email", "author_url", "remember", "notify_published", "notify_replies")
LARGEST = {SCRIPT: 14_000, COUNTS: 1_500}


@pytest.fixture
def place(tmp_path: Path) -> str:
    """It reads no database."""
    return f"sqlite:///{tmp_path}/test.db"


def own(script: str) -> dict[str, Any]:
    """What the script is given: words, style, languages and the address of the service."""
    found: dict[str, Any] = json.loads(script[script.rindex("})(") + 3 : script.rindex(");")])
    return found


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", None, "en"),
        ("", "it-IT,en;q=0.5", "it"),
        ("?lang=de", "it", "de"),
        ("?lang=nl", "fr", "fr"),
        ("?lang=../x", None, "en"),
    ],
)
async def test_the_script_speaks_the_language_that_is_asked_for(
    http: ClientSession, query: str, accepted: str | None, language: str
) -> None:
    headers = {"Accept-Language": accepted} if accepted else {}
    answer = await http.get(f"{SCRIPT}{query}", headers=headers)
    assert own(await answer.text())["language"] == language
    assert "Accept-Language" in answer.headers["Vary"]


async def test_every_language_has_words_of_its_own_for_all_that_is_said(http: ClientSession) -> None:
    said = {}
    for language in LANGUAGES:
        script = await (await http.get(SCRIPT, params={"lang": language})).text()
        said[language] = own(script)["words"]
        used = set(re.findall(r"\bwords\.(\w+)", script))
        assert used | set(FIELDS) == set(said[language])
        for name, text in said[language].items():
            assert re.findall(r"%\(\w+\)s", text) == re.findall(r"%\(\w+\)s", said["en"][name])
            assert "<" not in text
    assert len({words["sent"] for words in said.values()}) == len(LANGUAGES)


async def test_the_counts_hold_the_same_few_words_in_every_language_whoever_asks(http: ClientSession) -> None:
    answer = await http.get(COUNTS, headers={"Accept-Language": "de"})
    words = own(await answer.text())
    assert set(words) == set(LANGUAGES)
    assert {tuple(one) for one in words.values()} == {("none", "one", "many")}
    assert len({one["many"] for one in words.values()}) == len(LANGUAGES)
    assert words["it"] == {"none": "Ancora nessun commento", "one": "Un commento", "many": "%(count)s commenti"}
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert await (await http.get(COUNTS, headers={"Accept-Language": "it"})).read() == await answer.read()


@pytest.mark.parametrize(("path", "language"), [(COUNTS, "it"), *((SCRIPT, one) for one in LANGUAGES)])
async def test_it_is_small_and_any_page_may_load_it(http: ClientSession, path: str, language: str) -> None:
    answer = await http.get(
        path, params={"lang": language}, headers={"Origin": "https://www.example.org", "Accept-Encoding": "gzip"}
    )
    script = await answer.read()
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) < LARGEST[path]
    assert len(gzip.compress(script)) < LARGEST[path]
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert "Set-Cookie" not in answer.headers
    again = await http.get(
        path,
        params={"lang": language},
        headers={"If-None-Match": answer.headers["ETag"], "Accept-Encoding": "gzip"},
    )
    assert again.status == 304


@pytest.mark.parametrize("path", LARGEST)
async def test_it_uses_nothing_that_a_strict_policy_forbids(http: ClientSession, path: str) -> None:
    script = await (await http.get(path)).text()
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\.style\b|cookie"
    assert re.findall(forbidden, script) == []
