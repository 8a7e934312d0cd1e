"""Style sheets and scripts: kept for a year under an address that changes with what they say."""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

from aiohttp import web

PATH = "/static/{name}"
"""Where they stand."""

_FOR_EVER = "public, max-age=31536000, immutable"


@cache
def version() -> str:
    """Return what stands in the address of every static file: a hash over all of them."""
    digest = hashlib.sha256()
    for name, file in sorted(_files().items()):
        digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


async def send(request: web.Request) -> web.FileResponse:
    """Answer with a file of ours, looked up by name: what a client sends never becomes a path.

    Browsers ask again only for a file without the version of today in its address.
    """
    file = _files().get(request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    is_todays = request.query.get("v") == version()
    return web.FileResponse(file, headers={"Cache-Control": _FOR_EVER if is_todays else "no-cache"})


@cache
def _files() -> dict[str, Path]:
    folder = Path(str(files("moderation_service.web") / "static"))
    return {file.name: file for file in folder.iterdir() if file.is_file()}
