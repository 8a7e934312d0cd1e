"""The filter for fail2ban in docs/deployment finds what the log says."""

import re
from collections.abc import Callable

import pytest

from moderation_service.web.http import connections
from moderation_service.web.http.refusals import Refusals
from schemas.problems import ProblemCode
from tests.support.processes import ROOT

FILTER = ROOT / "docs" / "deployment" / "fail2ban-filter.conf"
SUBNET = r"(?P<subnet>[0-9a-f.:]+/\d+)"
"""What fail2ban makes of <SUBNET>, as far as it matters here."""


@pytest.mark.parametrize("network", ["192.0.2.0/24", "2001:db8:1::/48"])
@pytest.mark.parametrize(
    ("reason", "is_found"),
    [
        (ProblemCode.RATE_LIMITED, True),
        (connections.TOO_MANY, True),
        (connections.NO_REQUEST, True),
        (ProblemCode.UNKNOWN_SITE, False),
    ],
)
def test_the_filter_finds_the_networks_to_keep_out(
    logged: Callable[[], str], network: str, reason: str, *, is_found: bool
) -> None:
    [expression] = re.findall(r"(?m)^failregex = (.*)$", FILTER.read_text(encoding="utf-8"))
    Refusals().note(network, reason=reason, route="/api/v1/comments")
    found = re.search(expression.replace("<SUBNET>", SUBNET), logged())
    assert (found is not None) == is_found
    if found is not None:
        assert found["subnet"] == network
