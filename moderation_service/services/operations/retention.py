"""What is forgotten, and when."""

from datetime import datetime, timedelta
from functools import partial

from moderation_service.domain.accounts.sites import Sites
from moderation_service.domain.moderation.decisions import UNDO_WINDOW
from moderation_service.domain.screening import repetitions
from moderation_service.services.accounts.logins import KEPT
from moderation_service.services.accounts.sessions import LIFETIME
from moderation_service.services.comments.intake import KEY_LIFETIME
from moderation_service.services.moderation.blocks import KEPT_AFTER_END
from moderation_service.services.moderation.bulk_decisions import KEPT as KEPT_BULKS
from moderation_service.services.screening.learned_score import KEPT_LESSONS
from moderation_service.services.screening.traffic import KEPT_REPORTS
from moderation_service.storage.accounts import logins, sessions
from moderation_service.storage.comments import comment_networks, idempotency, recent_posts, revisions
from moderation_service.storage.engine.batches import in_batches
from moderation_service.storage.engine.database import Database
from moderation_service.storage.moderation import blocks, bulk_decisions, reports
from moderation_service.storage.notifications import author_mails, deliveries
from moderation_service.storage.screening import learning, outside_checks, traffic


async def forget(database: Database, now: datetime, *, sites: Sites) -> None:
    """Delete what is too old: traces of clients, keys, sessions, and what sites keep for as long as they say."""
    networks = [
        partial(forget_of_site, site_id=site.id, before=now - site.retention.network_hashes)
        for site in sites
        for forget_of_site in (comment_networks.forget, outside_checks.forget, reports.forget_networks)
    ]
    reported = [
        partial(reports.forget, site_id=site.id, before=now - site.retention.reports)
        for site in sites
        if site.retention.reports is not None
    ]
    listed = [site.id for site in sites]
    closed = timedelta(days=max((site.retention.deliveries for site in sites), default=1))
    for job in (
        partial(idempotency.forget, before=now - KEY_LIFETIME),
        partial(recent_posts.forget, before=now - max(sites.longest_window(), repetitions.REPETITION_WINDOW)),
        partial(revisions.forget, before=now - UNDO_WINDOW),
        partial(logins.forget, before=now - max(closed, KEPT)),
        partial(deliveries.forget, before=now - closed),
        partial(author_mails.forget, now=now),
        partial(sessions.forget, before=now - LIFETIME),
        partial(bulk_decisions.forget, before=now - KEPT_BULKS),
        partial(learning.forget, before=now - KEPT_LESSONS),
        partial(traffic.forget, before=now - max(sites.longest_window(), KEPT_REPORTS)),
        partial(blocks.forget, before=now - KEPT_AFTER_END),
        partial(comment_networks.forget_unlisted, listed=listed),
        partial(outside_checks.forget_unlisted, listed=listed),
        *networks,
        *reported,
    ):
        await in_batches(database, job)
