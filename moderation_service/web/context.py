"""What handlers work with, under typed keys of the application."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from moderation_service.config import Settings
from moderation_service.domain.comments import Draft, Receipt
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.links import Links
from moderation_service.services.admission import Admission
from moderation_service.services.bulks import Bulks
from moderation_service.services.changes import Tail
from moderation_service.services.desk import Desk
from moderation_service.services.directory import Directory
from moderation_service.services.eras import Eras
from moderation_service.services.health import Health
from moderation_service.services.logins import Logins
from moderation_service.services.page_addresses import PageAddresses
from moderation_service.services.sessions import Sessions
from moderation_service.services.submission import Intake
from moderation_service.storage.database import Database
from moderation_service.storage.group_commit import GroupCommit
from moderation_service.web.client_address import Clients
from moderation_service.web.kept_pages import KeptPages
from moderation_service.web.lists import Lists
from moderation_service.web.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The collaborators of all handlers; `wake_delivery` says that something new waits to be mailed."""

    settings: Settings
    database: Database
    directory: Directory
    keys: KeyRing
    links: Links
    intake: Intake
    writer: GroupCommit[Draft, Receipt]
    admission: Admission
    lists: Lists
    kept_pages: KeptPages
    tail: Tail
    eras: Eras
    health: Health
    metrics: Metrics
    clients: Clients
    logins: Logins
    sessions: Sessions
    desk: Desk
    bulks: Bulks
    page_addresses: PageAddresses
    clock: Callable[[], datetime]
    wake_delivery: Callable[[], None] = field(default=lambda: None)


CONTEXT = web.AppKey("CONTEXT", Context)
OPENAPI = web.AppKey("OPENAPI", bytes)
LANGUAGE = web.RequestKey("LANGUAGE", str)
"""The language of a site's visitors, for those who name none that is spoken here."""
READER = web.RequestKey("READER", str)
"""The language of a person whom we know; it wins over what the browser names."""
