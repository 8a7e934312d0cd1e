"""All collaborators of the service, built once; HTTP, workers, commands and tests take them from here."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog
import uuid_utils

from moderation_service import locales
from moderation_service.config import Settings
from moderation_service.domain.comments.comment import Draft, Receipt
from moderation_service.domain.comments.notices import (
    ADDRESS_PROOF,
)
from moderation_service.domain.comments.proofs import AuthorTokens, SubscriptionLinks
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.links import Links
from moderation_service.domain.notifications.pushes import PUSH
from moderation_service.domain.notifications.states import MODERATION
from moderation_service.metrics import Metrics
from moderation_service.push.composing import PushComposer
from moderation_service.runtime import screening, sending
from moderation_service.runtime.basis import Basis
from moderation_service.runtime.intervals import Intervals
from moderation_service.runtime.limits import ServiceLimits
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.accounts.logins import Logins
from moderation_service.services.accounts.sessions import Sessions
from moderation_service.services.accounts.sites_file import SitesFile
from moderation_service.services.comments import intake
from moderation_service.services.comments.announcements import Announcements
from moderation_service.services.comments.backlog import Backlog
from moderation_service.services.comments.change_feed import ChangeFeed
from moderation_service.services.comments.change_tail import Tail
from moderation_service.services.comments.drafting import Drafter
from moderation_service.services.comments.eras import Eras
from moderation_service.services.comments.listing import Listings
from moderation_service.services.comments.orphaned_pages import OrphanedPages
from moderation_service.services.comments.overview import Overview
from moderation_service.services.comments.page_addresses import PageAddresses
from moderation_service.services.comments.page_closing import PageClosing
from moderation_service.services.comments.receipts import Receipts
from moderation_service.services.comments.rendering import Renderer
from moderation_service.services.comments.submission import Submissions
from moderation_service.services.comments.syndication import Syndication
from moderation_service.services.moderation.answers import Answers
from moderation_service.services.moderation.blocks import Blocks
from moderation_service.services.moderation.bulk_decisions import Bulks
from moderation_service.services.moderation.decisions import Moderation
from moderation_service.services.moderation.desk import Desk
from moderation_service.services.moderation.moderated_pages import ModeratedPages
from moderation_service.services.moderation.objections import Objections
from moderation_service.services.moderation.reports import ReportIntake
from moderation_service.services.moderation.site_queue import SiteQueue
from moderation_service.services.moderation.trust import Trust
from moderation_service.services.notifications import preferences
from moderation_service.services.notifications.delivery import Delivery
from moderation_service.services.notifications.delivery_monitor import DeliveryMonitor
from moderation_service.services.notifications.delivery_queue import DeliveryQueue
from moderation_service.services.notifications.preferences import NotificationSettings
from moderation_service.services.notifications.pushes import Pushes
from moderation_service.services.notifications.reassignment import Reassignment
from moderation_service.services.notifications.subscriptions import Subscriptions
from moderation_service.services.notifications.webhooks import Webhooks, listed
from moderation_service.services.operations.deletion import PlannedDeletions
from moderation_service.services.operations.erasing import Purge
from moderation_service.services.operations.health import Health
from moderation_service.services.operations.statistics import Reader
from moderation_service.services.screening.attack_notices import AttackNotices
from moderation_service.services.screening.client_networks import ClientNetworks
from moderation_service.services.screening.learned_score import LearnedScores
from moderation_service.services.screening.outside_checks import OutsideChecks
from moderation_service.services.screening.traffic import Traffic
from moderation_service.storage import migrations
from moderation_service.storage.comments.page_aliases import Alias
from moderation_service.storage.engine.database import Database, location
from moderation_service.storage.engine.group_commit import GroupCommit
from moderation_service.storage.operations import contents
from moderation_service.web.cache.answers import MEGABYTE, PageCache
from moderation_service.web.cache.kept_answers import KeptAnswers
from moderation_service.web.cache.kept_pages import KeptPages
from moderation_service.web.cache.lists import Lists
from moderation_service.web.context import Context
from moderation_service.web.http.client_address import Clients
from moderation_service.web.http.followers import Followers
from moderation_service.web.http.timeouts import ClientTimeouts
from moderation_service.web.operations.exposition import Exposition
from moderation_service.web.stream.streams import Streams

_log = structlog.stdlib.get_logger(__name__)


def utc_now() -> datetime:
    """Return the time by the machine's clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562), rising within this process."""
    return str(uuid_utils.uuid7())


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """Everything but HTTP and the workers; nothing runs yet.

    `sites_changed` asks for a look at the sites file.
    """

    settings: Settings
    intervals: Intervals
    limits: ServiceLimits
    clock: Callable[[], datetime]
    keys: KeyRing
    links: Links
    database: Database
    sites_file: SitesFile
    sites_changed: asyncio.Event
    directory: Directory
    reassignment: Reassignment
    drafter: Drafter
    writer: GroupCommit[Draft, Receipt]
    page_addresses: PageAddresses
    page_closing: PageClosing
    tail: Tail
    eras: Eras
    learned: LearnedScores
    traffic: Traffic
    notices: AttackNotices
    outside: OutsideChecks
    blocks: Blocks
    moderation: Moderation
    bulks: Bulks
    purge: Purge
    delivery: Delivery
    logins: Logins
    queue: DeliveryQueue
    webhooks: Webhooks
    pushes: Pushes
    health: Health
    metrics: Metrics
    exposition: Exposition
    web: Context


@asynccontextmanager
async def opened(
    settings: Settings,
    clock: Callable[[], datetime] = utc_now,
    *,
    process: int = 1,
    sites_changed: asyncio.Event | None = None,
    timeouts: ClientTimeouts | None = None,
    intervals: Intervals | None = None,
    limits: ServiceLimits | None = None,
) -> AsyncIterator[Container]:
    """Read the catalogues, open the database, bring it up to date, and put the service together.

    `process` is this one's number among those of one start; `timeouts` are those of clients and
    `intervals` and `limits` those of the service, where they are not the usual ones.
    """
    await asyncio.to_thread(locales.read_all)
    keys = KeyRing(settings.secret_keys)
    directory = Directory(keys)
    limits = limits or ServiceLimits()
    async with Database.open(settings.database_url, limits=limits.database) as database:
        await migrations.upgrade(database)
        await _say_what_was_opened(database, settings)
        sites_file = SitesFile(settings.sites, local_addresses=settings.local_addresses)
        reassignment = Reassignment(database, directory, keys)
        page_addresses = PageAddresses(database, directory, clock=clock)
        found = sites_file.load()
        async with page_addresses.adopting(found):
            await reassignment.replace_sites(found, now=clock(), new_id=new_id)
        basis = Basis(
            settings=settings,
            clock=clock,
            new_id=new_id,
            keys=keys,
            links=Links(keys, clock),
            database=database,
            directory=directory,
            metrics=Metrics(),
            intervals=intervals or Intervals(),
            limits=limits,
        )
        container = _built(
            basis,
            reassignment,
            page_addresses,
            sites_file,
            sites_changed or asyncio.Event(),
            timeouts or ClientTimeouts(),
            process=process,
        )
        await container.page_closing.load()
        await container.blocks.refresh()
        try:
            yield container
        finally:
            await container.outside.close()


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


def _following(
    basis: Basis,
    page_addresses: PageAddresses,
    page_closing: PageClosing,
    learned: LearnedScores,
    announcements: Announcements,
) -> tuple[PageCache, Tail, Eras]:
    """Build what keeps answers in memory, and what says which of them no longer hold."""
    database, directory, metrics = basis.database, basis.directory, basis.metrics
    cache = PageCache(
        basis.settings.cache_mb * MEGABYTE,
        on_hit=metrics.page_cache_lookups.labels("hit").inc,
        on_miss=metrics.page_cache_lookups.labels("miss").inc,
        clock=basis.clock,
    )
    metrics.page_cache_bytes.set_function(lambda: cache.size)
    eras = Eras(
        database,
        lambda: [site.id for site in directory.sites],
        clock=basis.clock,
        new_tag=lambda: secrets.token_hex(6),
    )

    async def begin_anew(site_ids: Collection[str]) -> None:
        try:
            await eras.open(site_ids)
        finally:
            cache.clear()
        await page_addresses.begin_anew()
        await page_closing.load()
        learned.forget()

    def follow_aliases(changed: Sequence[Alias]) -> None:
        page_addresses.follow(changed)
        page_closing.forget([one.id for one in changed if one.target is not None])

    tail = Tail(
        database,
        cache.drop,
        begin_anew,
        on_aliases=follow_aliases,
        on_commenting=page_closing.follow,
        on_news=announcements.announce,
        may_remember=lambda: page_addresses.is_settled,
        trusted_for=basis.intervals.changes_trusted_for,
    )
    return cache, tail, eras


def _built(
    basis: Basis,
    reassignment: Reassignment,
    page_addresses: PageAddresses,
    sites_file: SitesFile,
    sites_changed: asyncio.Event,
    timeouts: ClientTimeouts,
    *,
    process: int,
) -> Container:
    """Build what takes comments in and shows them first, then what decides on them, then mail, then the web."""
    settings, clock, keys, links = basis.settings, basis.clock, basis.keys, basis.links
    database, directory, metrics = basis.database, basis.directory, basis.metrics
    intervals, limits = basis.intervals, basis.limits
    page_closing = PageClosing(database, directory, clock=clock)
    writer = GroupCommit(
        database,
        partial(intake.accept, first_met=page_addresses.first_met, closed=page_closing.closed),
        patience=limits.database.beginning,
        most_queued=limits.queued_comments,
        on_batch=metrics.group_commit_comments.observe,
    )
    metrics.group_commit_queue.set_function(lambda: writer.waiting)
    orphaned_pages = OrphanedPages(database, directory)
    backlog = Backlog(database, holds=intervals.waiting)
    announcements = Announcements()

    async def announce() -> None:
        await tail.catch_up()

    trust = Trust(database, keys, clock=clock, announce=announce)
    screened = screening.built(basis, trust, on_released=lambda: sent.queue.wake(MODERATION))
    author_tokens, subscription_links = AuthorTokens(keys, clock), SubscriptionLinks(keys, clock)
    purge = Purge(database)
    sent = sending.built(
        basis,
        reassignment,
        screened.notices,
        subscription_links,
        is_busy=lambda: writer.is_busy,
        announce=announce,
        on_erased=purge.want,
    )
    delivery, queue = sent.delivery, sent.queue
    cache, tail, eras = _following(basis, page_addresses, page_closing, screened.learned, announcements)
    drafter = Drafter(keys, directory, clock=clock, new_id=new_id, screening_on=settings.screening)
    renderer = Renderer(most_characters=limits.characters)
    moderation = Moderation(database, directory, links, keys, renderer, clock=clock, announce=tail.catch_up)
    bulks = Bulks(
        database, directory, keys, clock=clock, new_id=new_id, announce=tail.catch_up, batch_size=limits.bulk_batch
    )
    clients = Clients(settings.trusted_proxies, clock=clock)
    change_feed = ChangeFeed(database, directory)
    webhooks = Webhooks(
        database,
        directory,
        change_feed,
        announcements,
        clock=clock,
        new_id=new_id,
        counters=metrics.webhooks(),
        limits=limits.deliveries,
    )
    pushes = Pushes(
        database,
        directory,
        PushComposer(public_url=settings.public_url, links=links),
        interval=settings.mail_interval,
        clock=clock,
        new_id=new_id,
        counters=metrics.mail(PUSH),
        limits=limits.deliveries,
    )
    followers = Followers(clients, connections=settings.connections)
    metrics.followers.set_function(lambda: len(followers))
    health = Health(
        database,
        person_ids=directory.person_ids,
        webhooks=lambda: list(listed(directory.sites)),
        is_mail_paused=lambda: delivery.is_paused,
        is_mail_late=delivery.is_late,
        everybody_away=lambda connection: preferences.sites_without_anybody(connection, directory, clock()),
        last_failure=lambda: writer.last_failure,
        is_behind_untrusted_proxy=lambda: clients.is_behind_untrusted_proxy,
        failure_holds=intervals.failure_holds,
        nearly_full=lambda: backlog.nearly_full(directory.sites),
        has_orphaned_pages=orphaned_pages.any,
        under_attack=lambda: screened.traffic.attacks,
    )
    exposition = Exposition(
        process=process,
        metrics=metrics,
        directory=directory,
        figures=Reader(database, directory, is_mail_late=delivery.is_late, clock=clock, times=intervals.figures),
    )
    networks = ClientNetworks(clock, most_waiting=limits.waiting_of_refused)
    listings = Listings(database, directory, page_addresses, clock=clock)

    def stored() -> None:
        queue.wake(MODERATION)
        pushes.wake()
        queue.wake(ADDRESS_PROOF)

    context = Context(
        settings=settings,
        clock=clock,
        clients=clients,
        directory=directory,
        submissions=Submissions(
            database,
            drafter,
            writer,
            backlog,
            directory,
            page_closing,
            keys,
            networks,
            renderer,
            screened.pipeline,
            screened.outside,
            screened.work,
            author_tokens,
            trust,
            on_stored=stored,
        ),
        receipts=Receipts(
            database,
            directory,
            keys,
            drafter,
            networks,
            renderer,
            screened.pipeline,
            screened.challenges,
            trust,
            clock=clock,
            on_changed=stored,
        ),
        subscriptions=Subscriptions(
            database, directory, keys, subscription_links, author_tokens, clock=clock, on_proved=trust.consider
        ),
        personal_data=sent.personal_data,
        reports=ReportIntake(
            database,
            directory,
            keys,
            drafter,
            networks,
            screened.of_reports,
            clock=clock,
            new_id=new_id,
            on_reported=lambda: queue.wake(MODERATION),
        ),
        objections=Objections(
            database,
            directory,
            drafter,
            networks,
            screened.of_reports,
            clock=clock,
            new_id=new_id,
            on_objected=lambda: queue.wake(MODERATION),
        ),
        form_stamps=screened.form_stamps,
        listings=listings,
        lists=Lists(listings, directory, cache, tail, cache_control=settings.cache_control),
        kept_pages=KeptPages(directory, cache, tail),
        overview=Overview(database, directory, page_addresses, clock=clock),
        syndication=Syndication(database, directory, page_addresses, clock=clock),
        kept_answers=KeptAnswers(directory, cache, tail),
        page_addresses=page_addresses,
        orphaned_pages=orphaned_pages,
        planned_deletions=PlannedDeletions(database, directory, clock=clock),
        moderated_pages=ModeratedPages(
            database,
            directory,
            page_addresses,
            clock=clock,
            announce=tail.catch_up,
            moves_within=limits.page_moves_within,
        ),
        change_feed=change_feed,
        tail=tail,
        announcements=announcements,
        streams=Streams(change_feed, announcements, intervals.streams, most_bytes=limits.stream_bytes),
        followers=followers,
        links=links,
        moderation=moderation,
        answers=Answers(renderer, new_id=new_id),
        queue=SiteQueue(database, keys, clock=clock, new_id=new_id),
        blocks=screened.blocks,
        desk=Desk(database, keys, moderation, person_ids=directory.person_ids, clock=clock, new_id=new_id),
        bulks=bulks,
        delivery_monitor=DeliveryMonitor(database, directory, clock=clock),
        preferences=NotificationSettings(database, directory, clock=clock),
        logins=sent.logins,
        sessions=Sessions(database, directory, keys, clock=clock),
        health=health,
        metrics=metrics,
        exposition=exposition,
        traffic=screened.traffic,
        timeouts=timeouts,
    )
    return Container(
        settings=settings,
        intervals=intervals,
        limits=limits,
        clock=clock,
        keys=keys,
        links=links,
        database=database,
        sites_file=sites_file,
        sites_changed=sites_changed,
        directory=directory,
        reassignment=reassignment,
        drafter=drafter,
        writer=writer,
        page_addresses=page_addresses,
        page_closing=page_closing,
        tail=tail,
        eras=eras,
        learned=screened.learned,
        traffic=screened.traffic,
        notices=screened.notices,
        outside=screened.outside,
        blocks=screened.blocks,
        moderation=moderation,
        bulks=bulks,
        purge=purge,
        delivery=delivery,
        logins=sent.logins,
        queue=queue,
        webhooks=webhooks,
        pushes=pushes,
        health=health,
        metrics=metrics,
        exposition=exposition,
        web=context,
    )
