"""The commands that serve: for production, and the demonstration."""

import asyncio
import gc
import os
import signal
import sys
from dataclasses import replace

import click
import structlog

from moderation_service import config, log
from moderation_service.cli import command, processes
from moderation_service.cli.processes import ProcessGroup
from moderation_service.config import Settings
from moderation_service.config.values import LogFormat
from moderation_service.runtime import container, serving

_COLLECTED_FROM = 2_000, 20, 20
"""The collector's thresholds: requests of a moment together hold fewer objects than the first says."""

_CHANGES_HANDS_AFTER = 0.0003
"""Seconds after which a thread that waits for the interpreter gets it; in 5 ms others are done with their work."""

_log = structlog.stdlib.get_logger(__name__)


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Processes that share the port.")
@click.option("--join-port", type=int, hidden=True, help="Listen beside other processes of the same start.")
@click.option("--join-fd", type=int, hidden=True, help="Listen on a socket that processes of this start share.")
@click.option("--number", type=int, default=1, hidden=True, help="Which of these processes this is.")
@click.option("--parent-pipe", type=int, hidden=True, help="Ends with the process that started this one.")
def serve(workers: int, join_port: int | None, join_fd: int | None, number: int, parent_pipe: int | None) -> None:
    """Serve HTTP and send mail until SIGTERM."""
    settings = command.settings(os.environ)
    log.configure(in_words=settings.log_format is LogFormat.CONSOLE)
    for name, meant in config.unknown(os.environ).items():
        _log.warning("settings.unknown", name=name, did_you_mean=meant)
    if join_port is not None or join_fd is not None:
        listen = processes.joined(settings.listen, port=join_port, file=join_fd)
        command.run(_serve(replace(settings, listen=listen), process=number, parent_pipe=parent_pipe))
    elif workers > 1:
        command.run(_serve_by_many(settings, workers))
    else:
        command.run(_serve(settings))


@click.command()
def demo() -> None:
    """Show the whole story on this machine: a page with a form, and a mailbox for its mail."""
    from moderation_service import demo as story  # noqa: PLC0415 - it alone needs a mail server of its own

    log.configure(in_words=True, warnings_only=True)
    command.run(story.run(os.environ))


async def _serve(settings: Settings, process: int = 1, parent_pipe: int | None = None) -> None:
    stop, sites_changed = asyncio.Event(), asyncio.Event()
    serving.on_signals(stop, sites_changed)
    if parent_pipe is not None:
        processes.when_parent_ends(parent_pipe, stop.set)
    async with container.opened(settings, process=process, sites_changed=sites_changed) as opened:
        _set_up_interpreter()
        await serving.serve(opened, stop=stop, on_ready=lambda url: click.echo(f"Listening on {url}", err=True))


def _set_up_interpreter() -> None:
    """Have the collector look seldom, and the interpreter change hands soon, as a busy service needs it.

    What was loaded is taken out of the collector's sight: walking through it stopped every request for 50 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_FROM)
    sys.setswitchinterval(_CHANGES_HANDS_AFTER)


async def _serve_by_many(settings: Settings, workers: int) -> None:
    """Check once what all processes need, then run them; SIGHUP is passed on to each."""
    stop = asyncio.Event()
    group = ProcessGroup(workers, ["-m", "moderation_service", "serve"], settings.listen)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, group.forward, signal.SIGHUP)
    async with container.opened(settings):
        pass
    await group.run(stop)
