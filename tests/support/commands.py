"""Commands, run within the process of a test."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner, Result

from moderation_service import cli
from moderation_service.cli.command import Limits


async def run(environ: Mapping[str, str], *arguments: str | Path, obj: Limits | None = None) -> Result:
    """Run a command beside the services of a test, within limits if they are to be others than in use."""
    invoke = CliRunner().invoke
    return await asyncio.to_thread(invoke, cli.main, [str(one) for one in arguments], env=dict(environ), obj=obj)
