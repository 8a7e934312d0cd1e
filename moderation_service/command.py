"""What all commands share: reading settings, running, and failing with a line for each fault."""

import asyncio
import sys
from collections.abc import Coroutine, Iterable, Mapping
from typing import NoReturn, TypeVar

import click
import uvloop

from moderation_service import config
from moderation_service.config import Settings, SettingsError
from moderation_service.domain.errors import KeyNotListedError, UnavailableError
from moderation_service.sites import SitesFileError
from moderation_service.storage.database import NoDatabaseError
from moderation_service.storage.migrations import SchemaError

Result = TypeVar("Result")


def settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings, or end the command with all that is wrong with them."""
    try:
        return config.read(environ)
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
        fail([f"{config.variable('secret_keys')} lacks a key that something is stored under; see `check`"])
    except SchemaError as error:
        fail([f"{config.variable('database_url')}: the database {error}"])
    except NoDatabaseError as error:
        fail([f"{config.variable('database_url')}: {error.reason}; serve and migrate make it"])
    except UnavailableError as error:
        reason = f": {error.reason}" if error.reason else ""
        fail([f"{config.variable('database_url')} cannot be used just now{reason}"])
    except OSError as error:
        fail([error.strerror or str(error)])


def fail(faults: Iterable[str]) -> NoReturn:
    """End the command with a line for each fault and exit code 1."""
    for fault in faults:
        click.echo(fault, err=True)
    sys.exit(1)
