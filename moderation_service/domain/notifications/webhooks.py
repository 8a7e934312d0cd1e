"""Webhooks: what their deliveries are called, and how one ends."""

from enum import StrEnum

WEBHOOK = "webhook"
"""The kind of delivery that goes to a webhook."""


class Ending(StrEnum):
    """Why a webhook gets nothing any more, until somebody says that it is to go on."""

    GONE = "gone"
    FAILING = "failing"


def recipient(site_id: str, webhook_id: str) -> str:
    """Return the name by which a webhook's deliveries go to it."""
    return f"{site_id}/{webhook_id}"
