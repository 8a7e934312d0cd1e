"""What was answered, and what became of the comments that were sent, since the process began."""

from collections import Counter

from moderation_service.tallies import Distribution
from moderation_service.web.endpoints import Endpoint

ACCEPTED = "accepted"
REPLAYED = "replayed"
"""Outcomes of a submission beside the codes of problems; `replayed` repeats an answer given before."""

_SECONDS = (0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)


class Traffic:
    """Counts by rows of the route table, classes of status and listed sites: nothing that a visitor can vary."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str, int], Distribution] = {}
        """Seconds that answers took, by method and path of the route, and the status' first digit."""
        self.submissions: Counter[tuple[str, str]] = Counter()
        """Submissions by site, empty where it is not known, and outcome."""

    def note_answer(self, endpoint: Endpoint, status: int, seconds: float) -> None:
        """Count an answer; on the way of every request."""
        key = (endpoint.method, endpoint.path, status // 100)
        found = self.answers.get(key)
        if found is None:
            found = self.answers[key] = Distribution(_SECONDS)
        found.add(seconds)

    def note_submission(self, site_id: str, outcome: str) -> None:
        """Count what became of a comment."""
        self.submissions[site_id, outcome] += 1
