"""A request without a server, from any peer."""

from unittest.mock import Mock

from aiohttp import web
from aiohttp.test_utils import make_mocked_request


def request_from(peer: str, **headers: str) -> web.Request:
    transport = Mock()
    transport.get_extra_info.side_effect = {"peername": (peer, 1) if peer else peer}.get
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("POST", "/", headers=named, transport=transport)
