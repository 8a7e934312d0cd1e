"""Telling those who wait for a site's changes when it is worth reading them again."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class Announcements:
    """Rings for whoever listens to a site; what changed, if anything did, each reads for itself."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Callable[[], None]]] = {}
        self.is_closed = False
        """Whether nothing will be announced any more, as the service stops."""

    @contextmanager
    def listening(self, site_id: str, ring: Callable[[], None]) -> Iterator[None]:
        """Call `ring` for each announcement of a site until the end of the block, and when there will be none."""
        listeners = self._listeners.setdefault(site_id, set())
        listeners.add(ring)
        try:
            yield
        finally:
            listeners.discard(ring)
            if not listeners:
                self._listeners.pop(site_id, None)

    def announce(self, site_ids: Iterable[str]) -> None:
        """Ring for sites that changed."""
        for site_id in site_ids:
            for ring in tuple(self._listeners.get(site_id, ())):
                ring()

    def announce_all(self) -> None:
        """Ring for every site: it may be listed no more."""
        self.announce(tuple(self._listeners))

    def close(self) -> None:
        """Ring for the last time."""
        self.is_closed = True
        self.announce_all()
