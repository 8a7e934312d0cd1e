"""Readiness says to operators, and to nobody else, which version runs."""

import pytest
from aiohttp import ClientSession

from moderation_service import __version__
from tests.conftest import Start

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


async def test_readiness_names_the_version_to_operators(start: Start) -> None:
    service = await start()
    async with ClientSession(service.url) as http:
        ready = await (await http.get("/health/ready")).json()
        assert ready["version"] == __version__
        forwarded = await http.get("/health/ready", headers={"X-Forwarded-For": "192.0.2.1"})
        assert "version" not in await forwarded.json()
