"""Upgrades of a running service: older versions and this one on one database, with comments, decisions and mail.

`python -m bench.upgrades REF…` takes the code of older versions from git, by tags or commits, and tries each on
both engines. Two replicas of the older version are replaced one after the other, the older version is started
again as docs/upgrade.md says, and this version takes over for good. Then `audit` must find nothing, every comment
that was answered 202 must be as it was decided last, and each moderator must have been notified of every comment
that nobody decided on; how often somebody was notified twice is printed.
"""

import asyncio
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession

from bench.databases import databases
from bench.servers import ROOT, free_port
from moderation_service.storage import migrations
from tests.support.factories import SITES, bearer, environ_of
from tests.support.smtp import MailServer, mail_server

_PHASE = 3.0
"""Seconds that each pair of versions works together."""
_BETWEEN_POSTS = 0.05
_WAIT = 120.0
"""Seconds within which a replica is ready, an answer comes, and all mail has arrived."""
_MODERATORS = ("anna@example.org", "paul@example.org")
_VERSION = re.compile(r'^NEWEST = "(\d{4})"', re.MULTILINE)


@dataclass(slots=True)
class Replica:
    """A process of one version, and where it listens."""

    process: asyncio.subprocess.Process
    url: str


@dataclass(slots=True)
class Load:
    """What was sent to whichever replicas there were, and what they answered."""

    replicas: list[Replica] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    """The state that each accepted comment must have, by id."""
    bodies: dict[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)

    async def run(self, http: ClientSession, ended: asyncio.Event) -> None:
        """Post, and decide on every second comment, until told to end."""
        for number in count():
            if ended.is_set():
                return
            body = f"Commento numero {number:06d}"
            comment_id = await self._post(http, body, number)
            self.statuses[comment_id], self.bodies[comment_id] = "pending", body
            if number % 2:
                await self._decide(http, comment_id, number)
            await asyncio.sleep(_BETWEEN_POSTS)

    async def _post(self, http: ClientSession, body: str, number: int) -> str:
        comment = {
            "page_url": "https://www.example.org/chi-siamo",
            "author_name": "Giuliana",
            "author_email": "giuliana@example.com",
            "body": body,
        }
        answer = await self._ask(http, "/api/v1/comments", comment, {"Idempotency-Key": f"key-{number}"}, number)
        return str(answer["id"])

    async def _decide(self, http: ClientSession, comment_id: str, number: int) -> None:
        decision, status = ("approve", "approved") if number % 4 == 1 else ("reject", "rejected")
        wanted = {"decisions": [{"id": comment_id, "decision": decision}]}
        answer = await self._ask(http, "/api/v1/moderation/decisions", wanted, bearer(), number)
        [result] = answer["results"]
        if result["outcome"] not in {"done", "unchanged"}:
            raise AssertionError(f"a decision was answered {result}")
        self.statuses[comment_id] = status

    async def _ask(
        self, http: ClientSession, path: str, body: object, headers: dict[str, str], number: int
    ) -> dict[str, Any]:
        """Ask one replica after the other until one answers, as a balancer and a patient client do."""
        deadline = time.monotonic() + _WAIT
        for turn in count(number):
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} was not answered: {dict(self.refused)}")
            if self.replicas:
                replica = self.replicas[turn % len(self.replicas)]
                try:
                    answer = await http.post(replica.url + path, json=body, headers=headers)
                except ClientError as error:
                    self.refused[type(error).__name__] += 1
                else:
                    if answer.status in {200, 202}:
                        found: dict[str, Any] = await answer.json()
                        return found
                    self.refused[str(answer.status)] += 1
                    if answer.status < 500:
                        raise AssertionError(f"{path}: {answer.status} {await answer.text()}")
            await asyncio.sleep(0.05)
        raise AssertionError


@dataclass(slots=True)
class Upgrade:
    """An older version and this one on one database."""

    older: Path
    environ: dict[str, str]
    load: Load
    log: Path

    async def start(self, code: Path) -> Replica:
        """Start a replica and let it be asked once it is ready."""
        listen = f"127.0.0.1:{free_port()}"
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "moderation_service",
                "serve",
                cwd=code,
                env=self._environ(code) | {"MODERATION_LISTEN": listen},
                stdout=log,
                stderr=log,
            )
        replica = Replica(process, f"http://{listen}")
        deadline = time.monotonic() + _WAIT
        async with ClientSession() as http:
            while not await _is_ready(http, replica):
                if process.returncode is not None or time.monotonic() > deadline:
                    raise AssertionError(f"{code} is not ready: {self.log.read_text(encoding='utf-8')[-500:]}")
                await asyncio.sleep(0.1)
        self.load.replicas.append(replica)
        return replica

    async def stop(self, replica: Replica) -> None:
        """Take a replica out, then stop it in order."""
        self.load.replicas.remove(replica)
        replica.process.terminate()
        if code := await replica.process.wait():
            raise AssertionError(f"a replica ended with {code}")

    async def command(self, code: Path, *words: str) -> None:
        """Run a command to its end."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "moderation_service",
            *words,
            cwd=code,
            env=self._environ(code),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise AssertionError(f"{' '.join(words)} ended with {process.returncode}: {said.decode()[-800:]}")

    def _environ(self, code: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MODERATION_")}
        return kept | self.environ | {"PYTHONPATH": str(code)}


async def _is_ready(http: ClientSession, replica: Replica) -> bool:
    try:
        return (await http.get(f"{replica.url}/health/ready")).status == 200
    except ClientError:
        return False


async def roll(upgrade: Upgrade) -> None:
    """Replace two older replicas one after the other, go back the same way, and forth again."""
    here, there = [await upgrade.start(upgrade.older) for _ in range(2)]
    await asyncio.sleep(_PHASE)
    first = await upgrade.start(ROOT)
    await asyncio.sleep(_PHASE)
    await upgrade.stop(here)
    second = await upgrade.start(ROOT)
    await upgrade.stop(there)
    await asyncio.sleep(_PHASE)
    back = await upgrade.start(upgrade.older)
    await asyncio.sleep(_PHASE)
    await upgrade.stop(first)
    await upgrade.stop(second)
    await asyncio.sleep(_PHASE)
    await upgrade.start(ROOT)
    await upgrade.stop(back)
    await asyncio.sleep(_PHASE)


async def stop_first(upgrade: Upgrade, back_to: str | None) -> None:
    """Stop the older replicas, start this version; where there is a way back, go it and come again."""
    for replica in [await upgrade.start(upgrade.older) for _ in range(2)]:
        await asyncio.sleep(_PHASE)
        await upgrade.stop(replica)
    newer = await upgrade.start(ROOT)
    await asyncio.sleep(_PHASE)
    if back_to is not None:
        await upgrade.stop(newer)
        await upgrade.command(ROOT, "migrate", "--back-to", back_to)
        older = await upgrade.start(upgrade.older)
        await asyncio.sleep(_PHASE)
        await upgrade.stop(older)
        newer = await upgrade.start(ROOT)
    await asyncio.sleep(_PHASE)


async def checked(upgrade: Upgrade, http: ClientSession, smtp: MailServer) -> str:
    """Wait for the mail, and say what was found; raise AssertionError for what is lost or came twice."""
    load = upgrade.load
    [replica] = load.replicas
    waiting = {one for one, status in load.statuses.items() if status == "pending"}
    told: dict[str, Counter[str]] = {}
    deadline = time.monotonic() + _WAIT
    while True:
        told = {one: _told(smtp, one, load.bodies) for one in _MODERATORS}
        untold = {
            one: sorted(waiting - counted.keys()) for one, counted in told.items() if waiting - counted.keys()
        }
        if not untold:
            break
        if time.monotonic() > deadline:
            raise AssertionError(f"of {len(waiting)} comments that wait, nobody was notified of {untold}")
        await asyncio.sleep(0.2)
    found = await _states(http, replica)
    if wrong := {
        one: (status, found.get(one)) for one, status in load.statuses.items() if found.get(one) != status
    }:
        raise AssertionError(f"comments are not as they were decided: {wrong}")
    twice = sum(number > 1 for counted in told.values() for number in counted.values())
    await upgrade.stop(replica)
    await upgrade.command(ROOT, "audit")
    mailed = sum(counted.total() for counted in told.values())
    return (
        f"{len(load.statuses)} comments, {len(load.statuses) - len(waiting)} decisions, {mailed} notifications, "
        f"{twice} sent twice, asked again {dict(load.refused)}"
    )


async def _states(http: ClientSession, replica: Replica) -> dict[str, str]:
    """The state of each comment, by id."""
    found: dict[str, str] = {}
    for status in ("pending", "approved", "rejected"):
        asked = {"status": status, "limit": "100"}
        while True:
            answer = await http.get(f"{replica.url}/api/v1/moderation/comments", params=asked, headers=bearer())
            page = await answer.json()
            found |= {one["id"]: status for one in page["comments"]}
            if page["next_cursor"] is None:
                break
            asked["cursor"] = page["next_cursor"]
    return found


def _told(smtp: MailServer, address: str, bodies: dict[str, str]) -> Counter[str]:
    """How often a moderator was mailed each comment."""
    ids = {body: comment_id for comment_id, body in bodies.items()}
    named = (body for mail in smtp.to(address) for body in set(re.findall(r"Commento numero \d{6}", mail.text())))
    return Counter(ids[body] for body in named if body in ids)


@asynccontextmanager
async def upgrade_of(older: Path, database_url: str, folder: Path) -> AsyncIterator[tuple[Upgrade, MailServer]]:
    """A mail server, and an older version on an empty database."""
    sites = folder / "sites.toml"
    sites.write_text(SITES, encoding="utf-8")
    async with mail_server() as smtp:
        environ = environ_of(database_url, smtp.url, sites) | {"MODERATION_SCREENING": "off"}
        upgrade = Upgrade(older, environ, Load(), folder / "service.log")
        try:
            yield upgrade, smtp
        finally:
            for replica in upgrade.load.replicas:
                replica.process.kill()
                await replica.process.wait()


async def tried(older: Path, database_url: str, folder: Path) -> str:
    """Upgrade from the older version's code; return what was found."""
    async with AsyncExitStack() as stack:
        upgrade, smtp = await stack.enter_async_context(upgrade_of(older, database_url, folder))
        http = await stack.enter_async_context(ClientSession())
        ended = asyncio.Event()
        load = asyncio.create_task(upgrade.load.run(http, ended))
        schema = schema_of(older)
        if may_run_beside(schema):
            steps = roll(upgrade)
        else:
            steps = stop_first(upgrade, schema if schema >= migrations.OLDEST_WAY_BACK else None)
        try:
            await asyncio.wait({stepping := asyncio.create_task(steps), load}, return_when=asyncio.FIRST_COMPLETED)
            if load.done():
                stepping.cancel()
                await load
            await stepping
        finally:
            ended.set()
            if stepping.cancelled() or not stepping.done() or stepping.exception():
                load.cancel()
        await load
        return await checked(upgrade, http, smtp)


def schema_of(code: Path) -> str:
    """The newest schema that a version's code knows."""
    text = (code / "moderation_service/storage/migrations/__init__.py").read_text(encoding="utf-8")
    [number] = _VERSION.findall(text)
    return str(number)


def may_run_beside(schema: str) -> bool:
    """Whether every migration since then lets the version before run on it."""
    folder = ROOT / "moderation_service/storage/migrations/versions"
    newer = [one.stem for one in sorted(folder.glob("0*.py")) if one.stem[:4] > schema]
    modules = [import_module(f"moderation_service.storage.migrations.versions.{name}") for name in newer]
    return all(getattr(module, "previous_version_may_run", False) for module in modules)


def code_of(ref: str, folder: Path) -> Path:
    """Take a version's code from git."""
    folder.mkdir(parents=True)
    archive = subprocess.run(
        ["git", "archive", ref, "moderation_service", "schemas"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def main() -> None:
    """Try every version that is named, on both engines."""
    is_sound = True
    with tempfile.TemporaryDirectory(prefix="upgrades") as name:
        for ref in sys.argv[1:]:
            older = code_of(ref, Path(name) / ref.replace("/", "-"))
            schema = schema_of(older)
            how = "beside" if may_run_beside(schema) else "stopped first"
            place = older / "data"
            place.mkdir()
            for engine, database_url in databases(place):
                try:
                    found = asyncio.run(tried(older, database_url, place))
                except (AssertionError, TimeoutError) as error:
                    found, is_sound = f"FAILED: {error!r}", False
                print(f"{ref}, schema {schema} to {migrations.NEWEST}, {how}, {engine}: {found}", flush=True)
    if not is_sound:
        sys.exit(1)


if __name__ == "__main__":
    main()
