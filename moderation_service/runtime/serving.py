"""Starts HTTP and workers, and stops them in the right order."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import structlog
from aiohttp.typedefs import Middleware

from moderation_service import __version__
from moderation_service.runtime import listening, open_files, workers
from moderation_service.runtime.container import Container
from moderation_service.web.app import create_app
from moderation_service.web.endpoint import Endpoint
from moderation_service.web.server import Limits, Runner, Server
from moderation_service.web.shortcut import answering_from_memory

RUNNING_REQUESTS = 5.0
"""Seconds that running requests have to finish when the service stops."""

STOP_WITHIN = 11.0
"""Seconds that stopping takes at most: less than those after which whoever started the service kills it."""

_log = structlog.stdlib.get_logger(__name__)


async def serve(
    container: Container,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[str], None] = lambda _: None,
    more: Sequence[Endpoint] = (),
    before: Sequence[Middleware] = (),
) -> None:
    """Serve until `stop` is set, then stop in order; raise OSError when the address is taken.

    Streams and those who wait for changes; no new connections; running requests; the commit queue; mail in
    flight; and the caller closes the database.
    """
    app = create_app(container.web, more=more, before=before)
    runner = Runner(app, _limits(container), access_log=None, auto_decompress=False)
    await runner.setup()
    server = runner.server
    assert isinstance(server, Server)  # noqa: S101 - as it is set up
    server.request_handler = answering_from_memory(app, server.request_handler)
    await container.eras.begin()
    await container.webhooks.begin()
    sockets = ExitStack()
    begin = partial(
        workers.begin, first_backoff=container.intervals.first_backoff, restarts=container.metrics.worker_restarts
    )
    writing = begin("writer", container.writer.run)
    mailing = [
        begin("mail", partial(workers.deliver, channel, stop)) for channel in container.queue.channels.values()
    ]
    mailing.append(begin("mail", partial(workers.look_for_deliveries, container.queue, stop)))
    mailing.append(begin("webhooks", partial(container.webhooks.run, stop)))
    mailing.append(begin("push", partial(container.pushes.run, stop)))
    minor = [
        begin("changes", lambda: workers.follow_changes(container)),
        begin("checkpoints", container.database.keep_complete),
        begin("sites", lambda: workers.watch_sites(container)),
        begin("pages", lambda: workers.bring_pages_along(container)),
        begin("outside checks", container.outside.run),
        begin("learning", lambda: workers.learn(container)),
        begin("traffic", lambda: workers.watch_traffic(container)),
        begin("retention", lambda: workers.tidy(container)),
        begin("purge", container.purge.work),
        begin("bulks", container.bulks.run),
        begin("connections", server.watch),
        begin("streams", container.web.streams.run),
    ]
    try:
        on_ready(await listening.start(runner, container.settings.listen, sockets))
        _log.info("service.started", version=__version__, sites=[site.id for site in container.directory.sites])
        await stop.wait()
    finally:
        stop.set()
        stopping_since = asyncio.get_running_loop().time()
        container.health.begin_stop()
        container.web.streams.close()
        container.web.announcements.close()
        for channel in container.queue.channels.values():
            channel.asked.set()
        container.webhooks.wake()
        container.pushes.wake()
        ending = asyncio.create_task(workers.end(minor))
        await runner.cleanup()
        sockets.close()
        await container.exposition.figures.close()
        container.writer.close()
        await writing
        spent = asyncio.get_running_loop().time() - stopping_since
        await asyncio.wait(mailing, timeout=min(container.limits.mail_at_stop, max(0.0, STOP_WITHIN - spent)))
        await workers.end(mailing)
        await ending
        _log.info("service.stopped")


def _limits(container: Container) -> Limits:
    settings, clients = container.settings, container.web.clients
    return Limits(
        connections=open_files.make_room(settings.connections),
        running_requests=RUNNING_REQUESTS,
        timeouts=container.web.timeouts,
        is_trusted=clients.is_trusted,
        refusals=clients.refusals,
        root=settings.root,
        headers=settings.transport_security,
    )


def on_signals(stop: asyncio.Event, sites_changed: asyncio.Event) -> None:
    """Stop on SIGINT and SIGTERM, look at the sites file again on SIGHUP."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, sites_changed.set)
