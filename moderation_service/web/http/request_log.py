"""What is written down of every answer: a line in the log, a time in the metrics."""

import time
from collections.abc import Callable

from moderation_service.log import AccessLog
from moderation_service.metrics import Metrics
from moderation_service.web.endpoint import Endpoint


class RequestLog:
    """Notes answers under the row of the route table, never under path or query: those hold tokens.

    This is on the way of every request: a histogram is looked up once for each row and class of status.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._log = AccessLog()
        self._answers = metrics.answers
        self._observers: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def note(self, method: str, endpoint: Endpoint, status: int, started: float) -> None:
        """Note an answer to a request that came at `started`, by the performance counter."""
        seconds = time.perf_counter() - started
        self._log(method, endpoint.path, status, seconds)
        key = (endpoint.method, endpoint.path, status // 100)
        observe = self._observers.get(key)
        if observe is None:
            labels = (endpoint.method or "-", endpoint.path, f"{status // 100}xx")
            observe = self._observers[key] = self._answers.labels(*labels).observe
        observe(seconds)
