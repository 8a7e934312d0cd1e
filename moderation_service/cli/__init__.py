"""The commands."""

import click

from moderation_service import __version__
from moderation_service.cli import (
    backup,
    blocks,
    check,
    deletion,
    exports,
    imports,
    keys,
    mail,
    maintenance,
    pages,
    push,
    reports,
    rules,
    serve,
    webhooks,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Comment moderation by e-mail. Settings are MODERATION_… variables; see docs/settings.md."""


for command_of in (
    serve.serve,
    serve.demo,
    check.check,
    mail.mail,
    pages.pages,
    push.push,
    reports.reports,
    rules.rules,
    webhooks.webhooks,
    blocks.blocks,
    backup.backup,
    backup.restore,
    imports.import_comments,
    exports.export_comments,
    deletion.erase,
    deletion.retention,
    maintenance.migrate,
    maintenance.audit,
    maintenance.openapi,
    keys.keys,
):
    main.add_command(command_of)
