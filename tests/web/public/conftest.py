"""What tests of the public pages share."""

from collections.abc import AsyncIterator

import pytest

from tests.support.website import Website, website


@pytest.fixture
async def site() -> AsyncIterator[Website]:
    """A website on an origin of its own, whose pages show the comments."""
    async with website() as opened:
        yield opened
