"""Opens what the service needs, starts HTTP and workers, and stops them in the right order."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from functools import partial

import structlog
from aiohttp.typedefs import Middleware

from moderation_service import __version__, listening, open_files, workers
from moderation_service.config import Settings
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.links import Links
from moderation_service.domain.notices import Phase
from moderation_service.mail.access_tokens import AccessTokens
from moderation_service.mail.compose import Composer
from moderation_service.mail.login import LoginComposer
from moderation_service.mail.transport import Transport, greeting_name
from moderation_service.services import submission
from moderation_service.services.admission import Admission
from moderation_service.services.backlog import Backlog
from moderation_service.services.bulks import Bulks
from moderation_service.services.changes import Tail
from moderation_service.services.circuit import Circuit
from moderation_service.services.delivery import Delivery
from moderation_service.services.desk import Desk
from moderation_service.services.directory import Directory
from moderation_service.services.eras import Eras
from moderation_service.services.figures import Reader
from moderation_service.services.health import Health
from moderation_service.services.logins import Logins
from moderation_service.services.page_addresses import PageAddresses
from moderation_service.services.sessions import Sessions
from moderation_service.services.submission import Intake
from moderation_service.sites import SitesFile
from moderation_service.storage import contents, migrations
from moderation_service.storage.database import Database, location
from moderation_service.storage.group_commit import GroupCommit
from moderation_service.web.app import create_app
from moderation_service.web.client_address import Clients
from moderation_service.web.context import Context
from moderation_service.web.door import at_the_door
from moderation_service.web.endpoints import Endpoint
from moderation_service.web.kept_pages import KeptPages
from moderation_service.web.lists import Lists
from moderation_service.web.metrics import Metrics
from moderation_service.web.page_cache import MEGABYTE, PageCache
from moderation_service.web.protocol import Limits, Runner, Server
from moderation_service.workers import Service, new_id, utc_now

RUNNING_REQUESTS = 5.0
"""Seconds that running requests have to finish when the service stops."""

MAIL_IN_FLIGHT = 5.0
"""Seconds that a mail being handed in has to finish when the service stops."""

STOP_WITHIN = 11.0
"""Seconds that stopping takes at most: less than those after which whoever started the service kills it."""

_log = structlog.stdlib.get_logger(__name__)


@asynccontextmanager
async def opened(
    settings: Settings,
    clock: Callable[[], datetime] = utc_now,
    *,
    process: int = 1,
    sites_changed: asyncio.Event | None = None,
) -> AsyncIterator[Service]:
    """Open the database, bring it up to date, and put the service together; nothing runs yet.

    `process` is this one's number among those of one start; `sites_changed` asks for a look at the sites file.
    """
    keys = KeyRing(settings.secret_keys)
    directory = Directory(keys)
    async with Database.open(settings.database_url) as database:
        await migrations.upgrade(database)
        await _say_what_was_opened(database, settings)
        sites_file = SitesFile(settings.sites, local_addresses=settings.local_addresses)
        await directory.replace(database, sites_file.load(), now=clock(), new_id=new_id)
        circuit = Circuit(clock)
        new_transport = transports(settings)
        delivery = _delivery(settings, database, directory, keys, clock, circuit, new_transport)
        mail_waits = asyncio.Event()
        context = _context(
            settings, database, directory, keys, delivery, circuit, clock, mail_waits.set, process, new_transport
        )
        await context.page_addresses.prepare()
        yield Service(
            settings=settings,
            directory=directory,
            context=context,
            delivery=delivery,
            mail_waits=mail_waits,
            sites_file=sites_file,
            sites_changed=sites_changed or asyncio.Event(),
        )


async def _say_what_was_opened(database: Database, settings: Settings) -> None:
    async with database.read() as connection:
        found = await contents.look(connection)
    _log.info(
        "storage.opened",
        database=location(settings.database_url),
        comments=found.comments,
        is_exact=found.is_exact,
        newest=found.newest and found.newest.isoformat(timespec="seconds"),
    )


def _delivery(
    settings: Settings,
    database: Database,
    directory: Directory,
    keys: KeyRing,
    clock: Callable[[], datetime],
    circuit: Circuit,
    new_transport: Callable[[], Transport],
) -> Delivery:
    composer = Composer(public_url=settings.public_url, sender=settings.mail_from, links=Links(keys, clock))
    return Delivery(
        database,
        directory,
        keys,
        composer,
        [new_transport() for _ in range(settings.mail_connections)],
        circuit=circuit,
        interval=settings.mail_interval,
        remind_after=settings.remind_after,
        clock=clock,
        new_id=new_id,
    )


def transports(
    settings: Settings, on_step: Callable[[Phase, str], None] = lambda _, __: None
) -> Callable[[], Transport]:
    """Return what makes connections to the mail server; all greet by one name and share one access token."""
    name = greeting_name(settings.helo_name, settings.public_url)
    tokens = None if settings.smtp_oauth is None else AccessTokens(settings.smtp_oauth)
    return lambda: Transport(settings.smtp, sender=settings.mail_from, helo=name, tokens=tokens, on_step=on_step)


def _context(
    settings: Settings,
    database: Database,
    directory: Directory,
    keys: KeyRing,
    delivery: Delivery,
    circuit: Circuit,
    clock: Callable[[], datetime],
    wake_delivery: Callable[[], None],
    process: int,
    new_transport: Callable[[], Transport],
) -> Context:
    writer = GroupCommit(database, submission.accept)
    intake = Intake(keys, directory, clock=clock, new_id=new_id, screening_on=settings.screening)
    backlog = Backlog(database)
    cache = PageCache(settings.cache_mb * MEGABYTE)
    eras = Eras(
        database, lambda: [site.id for site in directory.sites], clock=clock, new_tag=lambda: secrets.token_hex(6)
    )

    async def begin_anew(site_ids: Collection[str]) -> None:
        cache.clear()
        await eras.open(site_ids)

    tail = Tail(database, cache.drop, begin_anew)
    clients = Clients(settings.trusted_proxies, clock=clock)
    login_composer = LoginComposer(public_url=settings.public_url, sender=settings.mail_from)
    logins = Logins(
        database,
        directory,
        keys,
        login_composer,
        new_transport(),
        circuit=circuit,
        clock=clock,
        new_id=new_id,
    )
    return Context(
        settings=settings,
        database=database,
        directory=directory,
        keys=keys,
        links=Links(keys, clock),
        intake=intake,
        writer=writer,
        admission=Admission(database, intake, writer, backlog, clock=clock),
        lists=Lists(database, directory, cache, tail, cache_control=settings.cache_control),
        kept_pages=KeptPages(directory, cache, tail),
        tail=tail,
        eras=eras,
        health=Health(
            database,
            person_ids=directory.person_ids,
            is_mail_paused=lambda: delivery.is_paused,
            is_mail_late=delivery.is_late,
            last_failure=lambda: writer.last_failure,
            is_behind_untrusted_proxy=lambda: clients.is_behind_untrusted_proxy,
            nearly_full=lambda: backlog.nearly_full(directory.sites),
        ),
        page_addresses=PageAddresses(database, clock=clock),
        clock=clock,
        metrics=Metrics(
            process=process,
            directory=directory,
            writer=writer,
            cache=cache,
            delivery=delivery,
            logins=logins,
            figures=Reader(database, directory, clock=clock),
        ),
        clients=clients,
        logins=logins,
        sessions=Sessions(database, directory, keys, clock=clock),
        bulks=Bulks(database, directory, keys, clock=clock, new_id=new_id, announce=tail.catch_up),
        desk=Desk(
            database,
            keys,
            person_ids=directory.person_ids,
            clock=clock,
            new_id=new_id,
            announce=tail.catch_up,
        ),
        wake_delivery=wake_delivery,
    )


async def serve(
    service: Service,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[str], None] = lambda _: None,
    more: Sequence[Endpoint] = (),
    before: Sequence[Middleware] = (),
) -> None:
    """Serve until `stop` is set, then stop in order; raise OSError when the address is taken.

    No new connections; running requests; the commit queue; mail in flight; and the caller closes the database.
    """
    context = service.context
    app = create_app(context, more=more, before=before)
    runner = Runner(app, _limits(context), access_log=None, auto_decompress=False)
    await runner.setup()
    server = runner.server
    assert isinstance(server, Server)  # noqa: S101 - as it is set up
    server.request_handler = at_the_door(app, server.request_handler)
    await context.eras.begin()
    sockets = ExitStack()
    begin = partial(workers.begin, restarts=context.metrics.restarts)
    writing = begin("writer", context.writer.run)
    mailing = [
        begin("mail", lambda: workers.deliver(service, stop)),
        begin("logins", lambda: context.logins.run(stop)),
    ]
    minor = [
        begin("changes", lambda: workers.follow_changes(service)),
        begin("checkpoints", context.database.keep_complete),
        begin("sites", lambda: workers.watch_sites(service)),
        begin("pages", lambda: workers.bring_pages_along(service)),
        begin("retention", lambda: workers.tidy(service)),
        begin("bulks", context.bulks.run),
        begin("connections", server.watch),
    ]
    try:
        on_ready(await listening.start(runner, service.settings.listen, sockets))
        _log.info("service.started", version=__version__, sites=[site.id for site in service.directory.sites])
        await stop.wait()
    finally:
        stop.set()
        stopping_since = asyncio.get_running_loop().time()
        context.health.begin_stop()
        service.mail_waits.set()
        context.logins.asked.set()
        for task in minor:
            task.cancel()
        await runner.cleanup()
        sockets.close()
        await context.metrics.figures.close()
        context.writer.close()
        await writing
        spent = asyncio.get_running_loop().time() - stopping_since
        await asyncio.wait(mailing, timeout=min(MAIL_IN_FLIGHT, max(0.0, STOP_WITHIN - spent)))
        for task in mailing:
            task.cancel()
        await asyncio.gather(*mailing, *minor, return_exceptions=True)
        _log.info("service.stopped")


def _limits(context: Context) -> Limits:
    settings = context.settings
    return Limits(
        connections=open_files.make_room(settings.connections),
        running_requests=RUNNING_REQUESTS,
        is_trusted=context.clients.is_trusted,
        refusals=context.clients.refusals,
        root=settings.root,
        headers=settings.transport_security,
    )


def on_signals(stop: asyncio.Event, sites_changed: asyncio.Event) -> None:
    """Stop on SIGINT and SIGTERM, look at the sites file again on SIGHUP."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, sites_changed.set)
