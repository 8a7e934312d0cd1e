"""What all commands share: reading settings, running, and failing with a line for each fault."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar

import click
import uvloop

from moderation_service import config
from moderation_service.config import Settings, SettingsError, causes
from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.keys import KeyNotListedError
from moderation_service.mail.access_tokens import TOKEN_WITHIN
from moderation_service.services.accounts.sites_file import SitesFileError
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.storage.engine.database import NoDatabaseError
from moderation_service.storage.engine.limits import DatabaseLimits
from moderation_service.storage.migrations import SchemaError

_STDIN = Path("-")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where commands stop waiting; who runs them from a program may pass others as click's object."""

    mail: float = 60.0
    """Seconds for the whole conversation with the mail server, which may greet late."""
    token: float = TOKEN_WITHIN
    """Seconds for a token of the mail server's account."""
    push: float = DeliveryLimits().posting
    """Seconds for each part of the answer of a service of push."""
    database: DatabaseLimits = field(default_factory=DatabaseLimits)


def read_text(file: Path) -> str:
    """Return what is in a file, or with - what comes from standard input, without blanks around it."""
    text = sys.stdin.read() if file == _STDIN else file.read_text(encoding="utf-8")
    return text.strip()


def settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings, or end the command with all that is wrong with them."""
    try:
        return config.read(environ)
    except SettingsError as error:
        fail(f"{name} {fault}" for name, fault in error.faults.items())


def database_url(environ: Mapping[str, str]) -> str:
    """Return the URL of the database, or end the command with what is wrong with it."""
    try:
        return config.read_database_url(environ)
    except SettingsError as error:
        fail(f"{name} {fault}" for name, fault in error.faults.items())


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run a command's work; turn what an operator can mend into a line and exit code 1."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except SitesFileError as error:
        fail(f"{config.variable('sites')}: {fault}" for fault in error.faults)
    except KeyNotListedError:
        missing = "does not list a key that stored data still needs; `check` names it: put it back at the end"
        fail([f"{config.variable('secret_keys')} {missing}"])
    except SchemaError as error:
        fail([f"{config.variable('database_url')}: the database {error}"])
    except NoDatabaseError as error:
        fail([f"{config.variable('database_url')}: {error.reason}; `migrate` creates it, and so does `serve`"])
    except UnavailableError as error:
        fail([f"{config.variable('database_url')} cannot be used just now{reason(error)}"])
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        fail([f"{place}{causes.why(error)}" if error.errno else str(error)])


def reason(error: UnavailableError) -> str:
    """Return why the database cannot be used, behind a colon: a missing permission first."""
    with suppress(SettingsError):
        url = config.read_database_url(os.environ)
        if denied := causes.forbidden(url):
            return f": {denied}"
    return f": {error.reason}" if error.reason else ""


def fail(faults: Iterable[str]) -> NoReturn:
    """End the command with a line for each fault and exit code 1."""
    for fault in faults:
        click.echo(fault, err=True)
    sys.exit(1)
