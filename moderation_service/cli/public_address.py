"""What the service looks like from outside: behind its proxy, under its public URL."""

from dataclasses import dataclass, field

import orjson
from aiohttp import ClientError, ClientSession, ClientSSLError, ClientTimeout

from moderation_service.config import Settings, variable
from moderation_service.config.values import UnixSocket
from moderation_service.outgoing_http import answers
from moderation_service.web.http import static_files
from moderation_service.web.routes import ENDPOINTS

WITHIN = 5.0
"""Seconds in which the public URL has to answer."""

_LONGEST_ANSWER = 1_024
_NO_SERVICE_BEHIND = (502, 503, 504)


@dataclass(slots=True)
class Findings:
    """What is wrong, and what may be."""

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


async def look(settings: Settings, *, within: float = WITHIN) -> Findings:
    """Fetch the public URL's `/health/live`, and weigh what is set for the proxy; `within` so many seconds."""
    found = Findings()
    name = variable("public_url")
    is_by_socket = isinstance(settings.listen, UnixSocket)
    if settings.public_url.startswith("https:") and not settings.trusted_proxies and not is_by_socket:
        found.warnings.append(
            f"{variable('trusted_proxies')} is empty although {name} is https: behind a proxy that is not listed "
            "all visitors share one client network and its limits. (A proxy on a Unix socket need not be listed.)"
        )
    last = settings.root.rpartition("/")[2]
    if last and last in _first_segments():
        found.warnings.append(
            f"{name} ends in /{last}, which is a route of the service too: the proxy has to pass the path on, it "
            "must not strip it."
        )
    await _fetch(f"{settings.public_url}/health/live", found, within)
    return found


def _first_segments() -> set[str]:
    paths = [endpoint.path for endpoint in ENDPOINTS]
    return {path.split("/")[1] for path in [*paths, static_files.PATH]}


async def _fetch(url: str, found: Findings, within: float) -> None:
    name = variable("public_url")
    try:
        async with ClientSession(timeout=ClientTimeout(total=within)) as http, http.get(url) as answer:
            body = await answers.beginning(answer.content, _LONGEST_ANSWER)
            status = answer.status
    except ClientSSLError as error:
        found.warnings.append(f"{name}: {url} cannot be reached from this machine: {answers.why(error)}.")
    except (ClientError, OSError, TimeoutError) as error:
        found.warnings.append(
            f"{name}: nothing answers at {url} from this machine: {answers.why(error)}. That is as it should "
            "be before the service and its proxy run, and behind routers that do not lead back inside."
        )
    else:
        if status in _NO_SERVICE_BEHIND:
            found.warnings.append(f"{name}: a proxy answers at {url}, and finds no service behind it ({status}).")
        elif not _is_live(body):
            found.faults.append(f"{name}: something else than this service answers at {url} ({status}).")


def _is_live(body: bytes) -> bool:
    try:
        return bool(orjson.loads(body) == {"status": "live"})
    except orjson.JSONDecodeError:
        return False
