"""Comments before they are screened."""

from datetime import UTC, datetime
from typing import Any

from moderation_service.domain.screening.candidate import Candidate
from tests.support.composed import a_site


def a_candidate(**changed: Any) -> Candidate:
    fields: dict[str, Any] = {
        "site": a_site(),
        "page_url": "https://www.example.org/chi-siamo",
        "author_name": "Giuliana",
        "author_email": "giuliana@example.com",
        "author_url": None,
        "body": "interessante…",
        "network": "192.0.2.0/24",
        "is_exempt": False,
        "at": datetime(2026, 3, 1, tzinfo=UTC),
    }
    return Candidate(**fields | changed)
