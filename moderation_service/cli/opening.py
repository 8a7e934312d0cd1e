"""Opening a database for commands that work on comments of listed sites."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from moderation_service.cli import command
from moderation_service.config import Settings
from moderation_service.domain.keys import KeyRing
from moderation_service.runtime import container
from moderation_service.services.accounts import sites_file
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.page_addresses import PageAddresses
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, Opening


@asynccontextmanager
async def opened_sites(
    settings: Settings, limits: command.Limits, *, writes: bool
) -> AsyncIterator[tuple[Database, Directory, PageAddresses]]:
    """Open the database with the sites and aliases of today; where it writes, today's rules are put in force."""
    listed = sites_file.load(settings.sites, local_addresses=settings.local_addresses)
    directory = Directory(KeyRing(settings.secret_keys))
    opening = Opening.EXISTING if writes else Opening.READ
    async with Database.open(settings.database_url, opening, limits=limits.database) as database:
        await migrations.require(database)
        page_addresses = PageAddresses(database, directory, clock=container.utc_now)
        directory.sites = listed
        if writes:
            async with page_addresses.adopting(listed):
                pass
            await page_addresses.bring_along()
        else:
            await page_addresses.load_aliases()
        yield database, directory, page_addresses
