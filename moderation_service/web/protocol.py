"""What is no HTTP is answered in words of our own, with nothing in them of what was sent."""

from http import HTTPStatus

from aiohttp import web
from aiohttp.web_protocol import RequestHandler


class Runner(web.AppRunner):
    """Runs an application whose connections quote nobody."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return _Server(server.request_handler, request_factory=server.request_factory, **server._kwargs)  # noqa: SLF001


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer by the status alone: aiohttp's message quotes the line that it could not read."""
        del message
        return super().handle_error(request, status, exc, f"{status} {HTTPStatus(status).phrase}")
