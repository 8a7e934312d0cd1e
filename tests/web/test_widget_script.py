"""The widget's script: one small file for each language, kept by browsers and asked for again each time."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from moderation_service.locales import LANGUAGES

SCRIPT = "/embed/comments.js"
LARGEST = 8_000


@pytest.fixture
def place(tmp_path: Path) -> str:
    """It reads no database."""
    return f"sqlite:///{tmp_path}/test.db"


def own(script: str) -> dict[str, Any]:
    """What the script is given: words, style and languages."""
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
        assert used == set(said[language])
        for name, text in said[language].items():
            assert re.findall(r"%\(\w+\)s", text) == re.findall(r"%\(\w+\)s", said["en"][name])
            assert "<" not in text
    assert len({words["sent"] for words in said.values()}) == len(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_is_small_and_any_page_may_load_it(http: ClientSession, language: str) -> None:
    answer = await http.get(
        SCRIPT, params={"lang": language}, headers={"Origin": "https://www.example.org", "Accept-Encoding": "gzip"}
    )
    script = await answer.read()
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) < LARGEST
    assert len(gzip.compress(script)) < LARGEST
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert "Set-Cookie" not in answer.headers
    again = await http.get(
        SCRIPT,
        params={"lang": language},
        headers={"If-None-Match": answer.headers["ETag"], "Accept-Encoding": "gzip"},
    )
    assert again.status == 304


async def test_it_uses_nothing_that_a_strict_policy_forbids(http: ClientSession) -> None:
    script = await (await http.get(SCRIPT)).text()
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\.style\b|cookie"
        r"|localStorage"
    )
    assert re.findall(forbidden, script) == []
