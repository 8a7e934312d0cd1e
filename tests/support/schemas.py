"""Databases of older schemas."""

from collections.abc import Callable
from importlib.resources import files

from alembic import command as alembic
from alembic.config import Config
from sqlalchemy import Connection

from moderation_service.storage import migrations


def moved(revision: str, *, back: bool = False) -> Callable[[Connection], None]:
    """Bring a database to another schema."""

    def move(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(files(migrations)))
        config.attributes["connection"] = connection
        (alembic.downgrade if back else alembic.upgrade)(config, revision)

    return move
