"""Style sheets and scripts: kept for a year under an address that changes with what they say."""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

from aiohttp import web

_PREFIX = "/static"
_FOR_EVER = "public, max-age=31536000, immutable"


@cache
def version() -> str:
    """Return what stands in the address of every static file: a hash over all of them."""
    digest = hashlib.sha256()
    for file in sorted(_folder().iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def serve(app: web.Application) -> None:
    """Serve the folder; browsers ask again only for a file without the version of today in its address."""
    app.router.add_static(_PREFIX, _folder())
    app.on_response_prepare.append(_allow_keeping)


async def _allow_keeping(request: web.Request, response: web.StreamResponse) -> None:
    if request.path.startswith(f"{_PREFIX}/") and response.status < 400:  # noqa: PLR2004 - HTTP's number
        is_todays = request.query.get("v") == version()
        response.headers["Cache-Control"] = _FOR_EVER if is_todays else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"


def _folder() -> Path:
    return Path(str(files("moderation_service.web") / "static"))
