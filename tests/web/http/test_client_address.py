"""Who a request came from, as peers and proxies say it, and what is said where that goes wrong."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from typing import Any

import orjson
import pytest

from moderation_service.services.accounts import logins
from moderation_service.web.http import client_address
from moderation_service.web.http.client_address import Clients
from tests.conftest import Clock
from tests.support.cases import one_engine
from tests.support.contract import client_of
from tests.support.factories import a_submission
from tests.support.posting import COMMENTS, post
from tests.support.requests import request_from
from tests.support.running import Running

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
UNIX = ""
"""What the peer of a Unix socket is called."""


@pytest.fixture
def clients(clock: Clock) -> Clients:
    return Clients(TRUSTED, clock=clock)


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        ("192.0.2.1", {}, "192.0.2.1"),
        ("192.0.2.1", {"X_Forwarded_For": "198.51.100.1"}, "192.0.2.1"),
        ("::ffff:192.0.2.1", {}, "192.0.2.1"),
        ("fe80::1%eth0", {}, "fe80::1"),
        ("10.0.0.1", {}, "10.0.0.1"),
        ("10.0.0.1", {"X_Forwarded_For": "192.0.2.1"}, "192.0.2.1"),
        ("10.0.0.1", {"X_Forwarded_For": "192.0.2.1:51234"}, "192.0.2.1"),
        ("10.0.0.1", {"X_Forwarded_For": "2001:db8::1"}, "2001:db8::1"),
        ("10.0.0.1", {"X_Forwarded_For": "[2001:db8::1]"}, "2001:db8::1"),
        ("10.0.0.1", {"X_Forwarded_For": "[2001:db8::1]:443"}, "2001:db8::1"),
        ("10.0.0.1", {"X_Forwarded_For": "198.51.100.1, , 192.0.2.1 ,"}, "192.0.2.1"),
        ("10.0.0.1", {"X_Forwarded_For": "unknown, 192.0.2.1, 10.0.0.9"}, "192.0.2.1"),
        ("10.0.0.1", {"X_Forwarded_For": "198.51.100.1, 10.0.0.9:80, [fd00::1]:80"}, "198.51.100.1"),
        ("10.0.0.1", {"X_Forwarded_For": "10.0.0.9"}, "10.0.0.9"),
        (UNIX, {"X_Forwarded_For": "192.0.2.1"}, "192.0.2.1"),
        (UNIX, {"X_Forwarded_For": "192.0.2.1, 10.0.0.9"}, "192.0.2.1"),
        ("10.0.0.1", {"Forwarded": "for=192.0.2.1"}, "192.0.2.1"),
        ("10.0.0.1", {"Forwarded": 'For="192.0.2.1:47011";proto=https;by=10.0.0.1'}, "192.0.2.1"),
        ("10.0.0.1", {"Forwarded": 'for=198.51.100.1, for="[2001:db8:cafe::17]:4711"'}, "2001:db8:cafe::17"),
        ("10.0.0.1", {"Forwarded": "for=198.51.100.1, for=10.0.0.9"}, "198.51.100.1"),
        ("10.0.0.1", {"X_Forwarded_For": "192.0.2.1", "Forwarded": "for=198.51.100.1"}, "192.0.2.1"),
    ],
)
def test_the_client_is_the_last_address_that_no_trusted_proxy_vouches_for(
    clients: Clients, logged: Callable[[], str], peer: str, headers: dict[str, str], expected: str
) -> None:
    assert clients.address(request_from(peer, **headers)) == ip_address(expected)
    assert "not_understood" not in logged()


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("10.0.0.1", {"X_Forwarded_For": "unknown"}),
        ("10.0.0.1", {"X_Forwarded_For": "192.0.2.1, unknown"}),
        ("10.0.0.1", {"X_Forwarded_For": "192.0.2.1:http"}),
        ("10.0.0.1", {"X_Forwarded_For": "192.0.2.1.5"}),
        ("10.0.0.1", {"X_Forwarded_For": ", ,"}),
        ("10.0.0.1", {"Forwarded": "for=_hidden"}),
        ("10.0.0.1", {"Forwarded": "proto=https"}),
        ("10.0.0.1", {"X_Real_IP": "192.0.2.1"}),
        (UNIX, {}),
    ],
)
def test_clients_whom_a_trusted_proxy_does_not_name_share_no_network_and_are_said_once(
    clients: Clients, logged: Callable[[], str], peer: str, headers: dict[str, str]
) -> None:
    request = request_from(peer, **headers)
    assert clients.address(request) is None
    assert clients.of(request).network != clients.of(request).network
    assert logged().count('"proxy.not_understood"') == 1


@one_engine
async def test_limits_by_network_spare_those_whom_a_trusted_proxy_does_not_name(
    start: Callable[..., Awaitable[Running]], clock: Clock
) -> None:
    running = await start(clock=clock, trusted_proxies="127.0.0.0/8")
    async with client_of(running.url, headers={"X-Forwarded-For": "unknown"}) as http:
        for number in range(25):
            await post(http, body=f"commento {number}")


@one_engine
@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Proto"])
async def test_a_proxy_nearby_that_is_not_trusted_is_said_in_log_and_readiness_for_an_hour(
    start: Callable[..., Awaitable[Running]], clock: Clock, logged: Callable[[], str], header: str
) -> None:
    running = await start(clock=clock)

    async def degraded() -> Any:
        async with client_of(running.url) as direct:
            return (await (await direct.get("/health/ready")).json())["degraded"]

    assert "untrusted_proxy" not in await degraded()
    async with client_of(running.url, headers={header: "for=192.0.2.1"}) as http:
        for number in range(2):
            await post(http, body=f"commento {number}")
    assert "untrusted_proxy" in await degraded()
    clock.advance(minutes=59)
    assert "untrusted_proxy" in await degraded()
    clock.advance(minutes=1)
    assert "untrusted_proxy" not in await degraded()
    [line] = [line for line in logged().splitlines() if '"proxy.untrusted"' in line]
    assert "MODERATION_TRUSTED_PROXIES" in line
    assert "192.0.2.1" not in line


def test_what_somebody_from_afar_claims_changes_nothing(clock: Clock, logged: Callable[[], str]) -> None:
    clients = Clients([], clock=clock)
    clients.of(request_from("8.8.8.8", X_Forwarded_For="192.0.2.1"))
    assert not clients.is_behind_untrusted_proxy
    clients.of(request_from("172.17.0.1"))
    assert not clients.is_behind_untrusted_proxy
    assert "proxy." not in logged()
    clients.of(request_from("172.17.0.1", X_Forwarded_For="192.0.2.1"))
    assert clients.is_behind_untrusted_proxy


def test_whoever_comes_by_a_unix_socket_is_never_this_machine_itself() -> None:
    everywhere = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert client_address.is_direct_from(request_from("127.0.0.1"), ())
    assert not client_address.is_direct_from(request_from(UNIX), ())
    assert not client_address.is_direct_from(request_from(UNIX), everywhere)


@one_engine
async def test_who_asks_for_too_many_log_ins_is_named_too(
    start: Callable[..., Awaitable[Running]], logged: Callable[[], str]
) -> None:
    running = await start(trusted_proxies="127.0.0.0/8")
    async with client_of(running.url, headers={"X-Forwarded-For": "192.0.2.77"}) as http:
        statuses = [
            (await http.post("/desk/login", data={"email": "anna@example.org"})).status
            for _ in range(logins.REQUESTS_PER_WINDOW + 1)
        ]
    assert statuses[-1] == 429
    [line] = [orjson.loads(line) for line in logged().splitlines() if '"client.refused"' in line]
    assert (line["network"], line["reason"], line["route"]) == ("192.0.2.0/24", "rate_limited", "/desk/login")
    assert "anna@example.org" not in logged()


@one_engine
async def test_who_is_refused_is_named_by_network_reason_and_route(
    start: Callable[..., Awaitable[Running]], clock: Clock, logged: Callable[[], str]
) -> None:
    running = await start(clock=clock, trusted_proxies="127.0.0.0/8")
    async with client_of(running.url, headers={"X-Forwarded-For": "192.0.2.77"}) as http:
        for number in range(20):
            await post(http, body=f"commento {number}")
        for _ in range(3):
            assert (await http.post(COMMENTS, json=a_submission(body="ancora"))).status == 429
        foreign = {"Origin": "https://elsewhere.example"}
        assert (await http.post(COMMENTS, json=a_submission(), headers=foreign)).status == 403
    lines = [orjson.loads(line) for line in logged().splitlines() if '"client.refused"' in line]
    assert {line["network"] for line in lines} == {"192.0.2.0/24"}
    assert [(line["reason"], line["route"]) for line in lines] == [
        ("rate_limited", COMMENTS),
        ("foreign_origin", COMMENTS),
    ]
    assert "192.0.2.77" not in logged()
