"""What is written down of every answer: a line in the log, a count in the metrics."""

import time

from moderation_service.log import AccessLog
from moderation_service.web.endpoints import Endpoint
from moderation_service.web.traffic import Traffic


class Journal:
    """Notes answers under the row of the route table, never under path or query: those hold tokens."""

    def __init__(self, traffic: Traffic) -> None:
        self._log = AccessLog()
        self._traffic = traffic

    def note(self, method: str, endpoint: Endpoint, status: int, started: float) -> None:
        """Note an answer to a request that came at `started`, by the performance counter."""
        seconds = time.perf_counter() - started
        self._log(method, endpoint.path, status, seconds)
        self._traffic.note_answer(endpoint, status, seconds)
