"""What scripts of other origins may ask, over the whole table of routes."""

import re
from pathlib import Path

import pytest
from aiohttp import ClientSession

from moderation_service.web.routes import ENDPOINTS

FOREIGN = {"Origin": "https://x.example"}
OURS = {"Origin": "https://www.example.org"}
READING = {"content-type", "if-none-match", "if-modified-since", "last-event-id"}


@pytest.fixture
def place(tmp_path: Path) -> str:
    """It reads no database."""
    return f"sqlite:///{tmp_path}/test.db"


def named(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


async def test_every_public_route_and_no_other_may_be_asked_by_scripts_of_any_origin(http: ClientSession) -> None:
    of_sites = {one.path for one in ENDPOINTS if one.is_for_sites}
    for one in ENDPOINTS:
        if one.method == "OPTIONS":
            continue
        path = re.sub(r"{\w+(?::(\w+)[^}]*)?}", lambda found: found[1] or "x", one.path)
        asked = FOREIGN | {"Access-Control-Request-Method": one.method}
        answer = await http.options(path, headers=asked | {"Access-Control-Request-Headers": "if-none-match"})
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        if one.is_public:
            assert (answer.status, allowed) == (204, "*"), path
            assert one.method in answer.headers["Access-Control-Allow-Methods"].split(", "), path
            assert named(answer.headers["Access-Control-Allow-Headers"]) >= READING, path
            assert int(answer.headers["Access-Control-Max-Age"]) >= 600
            assert await answer.read() == b""
        else:
            assert answer.status == (204 if one.path in of_sites else 405), path
            assert allowed is None, path


async def test_scripts_of_a_sites_own_pages_may_ask_what_is_for_sites(http: ClientSession) -> None:
    rows = [one for one in ENDPOINTS if one.is_for_sites]
    assert rows
    for one in rows:
        path = re.sub(r"{\w+}", "x", one.path)
        answer = await http.options(path, headers=OURS | {"Access-Control-Request-Method": one.method})
        assert answer.headers["Access-Control-Allow-Origin"] == OURS["Origin"], path
        assert answer.headers["Vary"] == "Origin"
        assert one.method in answer.headers["Access-Control-Allow-Methods"].split(", "), path
        assert {"content-type", "idempotency-key"} <= named(answer.headers["Access-Control-Allow-Headers"])


@pytest.mark.parametrize("method", ["GET", "HEAD", None, "PURGE"])
async def test_a_path_that_is_read_by_all_and_written_by_sites_is_told_apart_by_the_method(
    http: ClientSession, method: str | None
) -> None:
    asked = FOREIGN | ({} if method is None else {"Access-Control-Request-Method": method})
    answer = await http.options("/api/v1/comments", headers=asked)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
