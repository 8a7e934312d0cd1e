"""What the processes of a service hold while it runs: memory and open files; and what its log complains of."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

_EVERY = 1.0
_PAGE = 4096 / 2**20
_EVENT = re.compile(r'"event":"([\w.]+)"')

NEVER = frozenset(
    {
        "request.failed",
        "worker.failed",
        "mail.failed",
        "mail.batch_failed",
        "mail.address_unreadable",
        "contacts.address_unreadable",
        "delivery.failed",
        "webhook.sending_failed",
        "figures.failed",
        "changes.head_went_back",
        "storage.files_replaced",
        "process.killed",
    }
)
"""What no log says of a service whose disk is healthy: mistakes of ours, and stops that hang."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process held at a moment, in seconds of the monotonic clock."""

    at: float
    megabytes: float
    files: int


@dataclass(frozen=True, slots=True)
class Growth:
    """What the process that lived longest held in the second fifth of its life, and in the last."""

    seconds: float
    megabytes: tuple[float, float]
    files: tuple[float, float]


@dataclass(slots=True)
class Watch:
    """Samples of each process, by its number."""

    samples: dict[int, list[Sample]] = field(default_factory=dict)

    async def look(self, processes: Callable[[], list[int]]) -> None:
        """Look at those processes that there are every second, until cancelled."""
        while True:
            for pid in processes():
                if (found := held(pid)) is not None:
                    self.samples.setdefault(pid, []).append(found)
            await asyncio.sleep(_EVERY)

    @property
    def peak(self) -> float:
        """The most megabytes that a process held."""
        return max(one.megabytes for samples in self.samples.values() for one in samples)

    def longest_lived(self) -> Growth:
        samples = max(self.samples.values(), key=len)
        fifth = max(1, len(samples) // 5)
        early, late = samples[fifth : 2 * fifth] or samples, samples[-fifth:]
        return Growth(
            samples[-1].at - samples[0].at,
            (median(one.megabytes for one in early), median(one.megabytes for one in late)),
            (median(one.files for one in early), median(one.files for one in late)),
        )


def held(pid: int) -> Sample | None:
    """What a process holds now; None where it has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return Sample(time.monotonic(), pages * _PAGE, files)


def children(parent: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(one) for one in Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def complaints(log: str) -> Counter[str]:
    """How often each event was logged as a warning or an error."""
    found: Counter[str] = Counter()
    for line in log.splitlines():
        if '"level":"warning"' in line or '"level":"error"' in line:
            found[_EVENT.findall(line)[0]] += 1
        elif "Traceback" in line or "Error" in line:
            found[line] += 1
    return found
