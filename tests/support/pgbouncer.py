"""A real PgBouncer before PostgreSQL, in transaction mode: each transaction may get another session."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.processes import answers, free_port
from tests.support.running import until

_CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
{more}
"""
_MISSING = "no pgbouncer; tests/support/install_program.sh gets one"


@asynccontextmanager
async def pgbouncer(folder: Path, url: str, more: str = "") -> AsyncIterator[str]:
    """Run PgBouncer before the database of a URL; give the URL through it. Without any, fail in CI, else skip."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(_MISSING)
    parts = urlsplit(url)
    [socket] = parse_qs(parts.query).get("host", [None])
    server = {
        "host": socket or parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password,
    }
    described = " ".join(f"{name}={value}" for name, value in server.items() if value)
    port = free_port()
    file = folder / "pgbouncer.ini"
    file.write_text(_CONFIGURATION.format(server=described, port=port, more=more), encoding="utf-8")
    owner = os.stat(socket or folder)  # noqa: PTH116 - a test may block
    child = await asyncio.create_subprocess_exec(
        *_as_user(owner.st_uid, owner.st_gid),
        program,
        "/dev/stdin",
        stdin=os.open(file, os.O_RDONLY),
    )
    try:
        await until(lambda: answers(port, child))
        yield f"postgresql://anybody@127.0.0.1:{port}{urlsplit(url).path}"
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


def _as_user(user: int, group: int) -> tuple[str, ...]:
    """Become who may use PostgreSQL's socket, if we are root: PgBouncer does not run as root."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={user or 65534}", f"--regid={group or 65534}", "--clear-groups", "--")
