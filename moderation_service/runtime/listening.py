"""Where the service listens: a port, a Unix socket of its own, or a socket that systemd hands over."""

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from aiohttp import web

from moderation_service import config
from moderation_service.config import causes
from moderation_service.config.values import Address, InheritedSocket, Listen, UnixSocket

_BACKLOG = 1_024
_MODE = 0o660


async def start(runner: web.BaseRunner, listen: Listen, stack: ExitStack) -> str:
    """Begin to listen, until the runner is cleaned up and the stack closed; return where, as people write it.

    Raises OSError that names the setting and what is wrong with it.
    """
    if not isinstance(listen, Address):
        return await _start_on_socket(runner, stack.enter_context(opened(listen)))
    with naming(listen):
        site = web.TCPSite(runner, listen.host, listen.port, backlog=_BACKLOG, reuse_port=listen.is_shared or None)
        await site.start()
    return _url(listen.host, runner.addresses[0][1])


@contextmanager
def opened(listen: UnixSocket | InheritedSocket) -> Iterator[socket.socket]:
    """Lend a socket that listens; one of our own is removed at the end, unless another service has replaced it."""
    with naming(listen):
        found = _bound(listen.path) if isinstance(listen, UnixSocket) else _inherited(listen.number)
    with found:
        if isinstance(listen, InheritedSocket):
            yield found
            return
        ours = listen.path.stat().st_ino
        try:
            yield found
        finally:
            with suppress(FileNotFoundError):
                if listen.path.stat().st_ino == ours:
                    listen.path.unlink()


def describe(listen: Listen) -> str:
    """Return an address as the setting has it."""
    match listen:
        case Address(host=host, port=port):
            return f"{host}:{port}"
        case UnixSocket(path=path):
            return f"unix:{path}"
        case InheritedSocket(number=number):
            return f"fd://{number}"


class _UnixSite(web.BaseSite):
    """A site on a Unix socket that listens already."""

    def __init__(self, runner: web.BaseRunner, sock: socket.socket) -> None:
        super().__init__(runner, backlog=_BACKLOG)
        self._sock = sock

    @property
    def name(self) -> str:
        return f"unix:{self._sock.getsockname()}"

    async def start(self) -> None:
        await super().start()
        loop = asyncio.get_running_loop()
        assert self._runner.server is not None  # noqa: S101 - checked by the base class
        self._server = await loop.create_unix_server(self._runner.server, sock=self._sock, backlog=_BACKLOG)


async def _start_on_socket(runner: web.BaseRunner, sock: socket.socket) -> str:
    if sock.family == socket.AF_UNIX:
        await _UnixSite(runner, sock).start()
        return f"unix:{sock.getsockname()}"
    await web.SockSite(runner, sock, backlog=_BACKLOG).start()
    return _url(*sock.getsockname()[:2])


def _bound(path: Path) -> socket.socket:
    """Return a socket that listens at a path, for its owner and group; what a killed service left is replaced."""
    _make_way(path)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.bind(str(path))
        path.chmod(_MODE)
        found.listen(_BACKLOG)
    except OSError:
        found.close()
        raise
    return found


def _make_way(path: Path) -> None:
    """Remove a socket on which nobody listens any more; raise OSError for one in use, and for other files."""
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise FileExistsError(errno.EEXIST, "another file stands there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _inherited(number: int) -> socket.socket:
    """Return a listening socket by the number of its open file."""
    try:
        found = socket.socket(fileno=number)
    except OSError as error:
        raise OSError(error.errno, "no socket was handed over, as a socket unit of systemd does it") from error
    if found.type != socket.SOCK_STREAM or not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        found.detach()
        raise OSError(errno.EINVAL, "that is not a listening socket")
    found.setblocking(False)
    return found


@contextmanager
def naming(listen: Listen) -> Iterator[None]:
    """Turn an OSError into one that names the setting, its value and what is wrong with it."""
    try:
        yield
    except OSError as error:
        is_ours = not isinstance(listen, Address) and not isinstance(error, PermissionError)
        reason = (error.strerror or str(error)) if is_ours else causes.why(error)
        name = config.variable("listen")
        raise OSError(f"{name} {describe(listen)} cannot be used: {reason}") from error


def _url(host: str, port: int) -> str:
    """Return where a service that listens can be reached on this machine."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
