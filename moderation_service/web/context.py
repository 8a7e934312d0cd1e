"""What handlers work with: the use cases, under typed keys of the application."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from moderation_service.config import Settings
from moderation_service.domain.moderation.links import Links
from moderation_service.domain.screening.form_stamps import FormStamps
from moderation_service.metrics import Metrics
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.accounts.logins import Logins
from moderation_service.services.accounts.sessions import Sessions
from moderation_service.services.comments.announcements import Announcements
from moderation_service.services.comments.change_feed import ChangeFeed
from moderation_service.services.comments.change_tail import Tail
from moderation_service.services.comments.listing import Listings
from moderation_service.services.comments.orphaned_pages import OrphanedPages
from moderation_service.services.comments.overview import Overview
from moderation_service.services.comments.page_addresses import PageAddresses
from moderation_service.services.comments.receipts import Receipts
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
from moderation_service.services.notifications.delivery_monitor import DeliveryMonitor
from moderation_service.services.notifications.preferences import NotificationSettings
from moderation_service.services.notifications.subscriptions import Subscriptions
from moderation_service.services.operations.deletion import PlannedDeletions
from moderation_service.services.operations.health import Health
from moderation_service.services.operations.personal_data import PersonalData
from moderation_service.services.screening.traffic import Traffic
from moderation_service.web.cache.kept_answers import KeptAnswers
from moderation_service.web.cache.kept_pages import KeptPages
from moderation_service.web.cache.lists import Lists
from moderation_service.web.http.client_address import Clients
from moderation_service.web.http.followers import Followers
from moderation_service.web.http.timeouts import ClientTimeouts
from moderation_service.web.operations.exposition import Exposition
from moderation_service.web.operations.openapi import Description
from moderation_service.web.stream.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What handlers may ask for; `runtime.container` puts it together."""

    settings: Settings
    clock: Callable[[], datetime]
    clients: Clients
    directory: Directory
    submissions: Submissions
    receipts: Receipts
    reports: ReportIntake
    objections: Objections
    subscriptions: Subscriptions
    personal_data: PersonalData
    form_stamps: FormStamps
    listings: Listings
    lists: Lists
    kept_pages: KeptPages
    overview: Overview
    syndication: Syndication
    kept_answers: KeptAnswers
    page_addresses: PageAddresses
    orphaned_pages: OrphanedPages
    planned_deletions: PlannedDeletions
    moderated_pages: ModeratedPages
    change_feed: ChangeFeed
    tail: Tail
    announcements: Announcements
    streams: Streams
    followers: Followers
    links: Links
    moderation: Moderation
    answers: Answers
    queue: SiteQueue
    blocks: Blocks
    desk: Desk
    bulks: Bulks
    delivery_monitor: DeliveryMonitor
    preferences: NotificationSettings
    logins: Logins
    sessions: Sessions
    health: Health
    metrics: Metrics
    exposition: Exposition
    traffic: Traffic
    timeouts: ClientTimeouts


CONTEXT = web.AppKey("CONTEXT", Context)
OPENAPI = web.AppKey("OPENAPI", Description)
LANGUAGE = web.RequestKey("LANGUAGE", str)
"""The language of a site's visitors, for those who name none that is spoken here."""
READER = web.RequestKey("READER", str)
"""The language of a person whom we know; it wins over what the browser names."""
