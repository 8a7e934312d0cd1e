"""Local addresses are for moderators and the sender: authors never have them."""

import pytest
from aiohttp import ClientSession

from tests.conftest import Start
from tests.support.factories import a_submission

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@pytest.mark.parametrize("address", ["a@nas.local", "a@mailhost", "a@box.home.arpa", "a@x.test"])
async def test_an_author_has_no_local_address_whatever_the_setting_says(start: Start, address: str) -> None:
    service = await start(local_addresses="on", mail_from="moderation@nas.local")
    async with ClientSession(service.url) as http:
        answer = await http.post("/api/v1/comments", json=a_submission(author_email=address))
        assert answer.status == 422
        assert list((await answer.json())["errors"]) == ["author_email"]
