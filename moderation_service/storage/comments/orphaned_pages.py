"""Pages by the origin of their address, for those whose origin their site no longer lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, select

from moderation_service.domain.comments.comment import Status
from moderation_service.storage.engine.database import Connection, position
from moderation_service.storage.schema import comments, pages

_SCHEME = len("https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """How many comments of a site wait or are published on an origin."""

    site_id: str
    origin: str
    waiting: int
    approved: int

    @property
    def count(self) -> int:
        """All of them."""
        return self.waiting + self.approved


async def find(connection: Connection, origins: Mapping[str, Sequence[str]]) -> list[Orphans]:
    """Return where comments wait or are published on origins that their site does not list."""
    origin = _origin(connection)
    listed = [and_(pages.c.site_id == site_id, origin.in_(of_site)) for site_id, of_site in origins.items()]
    elsewhere = select(pages.c.id, pages.c.site_id, origin.label("origin")).where(not_(or_(false(), *listed)))
    stray = elsewhere.subquery()
    query = (
        select(stray.c.site_id, stray.c.origin, comments.c.status, func.count())
        .join(comments, comments.c.page_id == stray.c.id)
        .where(comments.c.status.in_((Status.PENDING, Status.APPROVED)))
        .group_by(stray.c.site_id, stray.c.origin, comments.c.status)
    )
    found: dict[tuple[str, str], dict[str, int]] = {}
    for site_id, at, status, count in await connection.execute(query):
        found.setdefault((site_id, at), {})[status] = count
    return [
        Orphans(
            site_id=site_id,
            origin=at,
            waiting=found[site_id, at].get(Status.PENDING, 0),
            approved=found[site_id, at].get(Status.APPROVED, 0),
        )
        for site_id, at in sorted(found)
    ]


def _origin(connection: Connection) -> ColumnElement[str]:
    """Return what stands before the path in a canonical address, whose host has one character at least."""
    rest = func.substr(pages.c.url, _SCHEME + 1)
    return func.substr(pages.c.url, 1, position(connection, rest, "/") + _SCHEME - 1)
