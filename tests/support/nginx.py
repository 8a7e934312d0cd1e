"""A real nginx, as operators put it before the service."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.processes import answers
from tests.support.running import until

_MAIN = """
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
}}
"""
_MISSING = "no nginx; tests/support/install_program.sh gets one"


@asynccontextmanager
async def nginx(folder: Path, http: str, port: int) -> AsyncIterator[None]:
    """Run nginx on a port with what stands in its http block. Without any, fail where CI is set, else skip."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(_MISSING)
    user = "user root;" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(_MAIN.format(user=user, folder=folder, http=http), encoding="utf-8")
    child = await asyncio.create_subprocess_exec(
        program, "-p", str(folder), "-c", str(file), "-e", f"{folder}/error.log", "-g", "daemon off;"
    )
    try:
        await until(lambda: answers(port, child))
        yield
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()
