"""What Alembic runs: on the connection and in the transaction that `upgrade` holds."""

from alembic import context

from moderation_service.storage import desk_tables  # noqa: F401 - adds its tables to the metadata
from moderation_service.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
