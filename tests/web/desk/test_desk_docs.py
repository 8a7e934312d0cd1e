"""docs/desk.md names what moderators can open and press."""

import re

import pytest

from moderation_service.web.endpoint import Endpoint
from moderation_service.web.routes import ENDPOINTS
from schemas.desk import DeskQuery
from tests.support.processes import ROOT

DOCUMENT = (ROOT / "docs" / "desk.md").read_text(encoding="utf-8")
TABLE = DOCUMENT.partition("## Addresses")[2].partition("\n## ")[0]
FOR_MODERATORS = [one for one in ENDPOINTS if one.is_page and not one.is_for_visitors]


def address(endpoint: Endpoint) -> str:
    """As documents write it: what a parameter may be stands elsewhere."""
    return f"{endpoint.method} `{re.sub(r':[^}]*', '', endpoint.path)}`"


@pytest.mark.parametrize("endpoint", FOR_MODERATORS, ids=address)
def test_every_page_for_moderators_is_documented(endpoint: Endpoint) -> None:
    assert address(endpoint) in TABLE


def test_no_address_is_documented_that_is_none() -> None:
    documented = re.findall(r"(?:GET|POST) `[^`]+`", TABLE)
    assert sorted(documented) == sorted(address(one) for one in FOR_MODERATORS)


@pytest.mark.parametrize("name", sorted(DeskQuery().fields))
def test_every_part_of_a_filter_is_documented(name: str) -> None:
    assert re.search(rf"`{name}[`=]", TABLE)
