"""What counts as said again: texts and networks in classes, each of which one writer judges at a time."""

from datetime import timedelta
from zlib import crc32

REPETITION_WINDOW = timedelta(minutes=10)
"""How far back a repetition is looked for."""

CLASSES = 256
"""How many classes there are of texts, and as many of networks, that one writer judges at a time."""


def text_class(site_id: str, page_id: str, body: str) -> int:
    """Return the class of a text on a page; the same in every process, whatever its keys."""
    return crc32(f"{site_id}\0{page_id}\0{body}".encode()) % CLASSES


def network_class(site_id: str, client_network: str) -> int:
    """Return the class of a client network at a site, apart from those of texts."""
    return CLASSES + crc32(f"{site_id}\0{client_network}".encode()) % CLASSES
