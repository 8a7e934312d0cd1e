"""What a missing permission is called: the file, the user who lacks it and the setting, in one line."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from moderation_service.config import causes
from moderation_service.config.values import Address
from moderation_service.runtime import listening
from tests.support.cases import only_sqlite
from tests.support.factories import SECRET
from tests.support.processes import command

USER = f"user {causes.user()}"
WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--") if os.geteuid() == 0 else ()


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder in which this user may look, and no more."""
    folder = tmp_path / "closed"
    folder.mkdir()
    secret = folder / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    secret.chmod(0o000)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


async def refused(environ: dict[str, str], name: str = "serve") -> str:
    """The line of a command that ends for want of a permission."""
    async with command(name, environ=environ, under=WITHOUT_PRIVILEGES) as process:
        assert await process.ended() == 1, process.words
    assert "Traceback" not in process.words
    [line] = [one for one in process.words.splitlines() if one.startswith("MODERATION_") and USER in one]
    return line


@only_sqlite
@pytest.mark.parametrize(
    ("setting", "value", "at_fault"),
    [
        ("MODERATION_SITES", "{closed}/secret", "{closed}/secret"),
        ("MODERATION_DATABASE_URL", "sqlite:///{closed}/a.db", "{closed}"),
        ("MODERATION_DATABASE_URL", "sqlite:///{closed}/new/a.db", "{closed}"),
        ("MODERATION_LISTEN", "unix:{closed}/socket", "{closed}/socket"),
        ("MODERATION_SMTP_OAUTH", "{closed}/secret", "{closed}/secret"),
    ],
)
async def test_what_serve_may_not_use_is_named(
    environ: dict[str, str], closed: Path, setting: str, value: str, at_fault: str
) -> None:
    line = await refused(environ | {setting: value.format(closed=closed)})
    assert line.startswith(setting)
    assert at_fault.format(closed=closed) in line


@only_sqlite
@pytest.mark.parametrize(
    ("name", "end"),
    [("serve", ""), ("check", ""), ("audit", ""), ("migrate", ""), ("serve", ".writers"), ("check", ".writers")],
)
async def test_a_file_of_the_database_that_may_not_be_used_is_named(
    environ: dict[str, str], place: str, name: str, end: str
) -> None:
    file = f"{place.removeprefix('sqlite:///')}{end}"
    os.chmod(file, 0o000)  # noqa: PTH101 - a test may block
    line = await refused(environ, name)
    assert line.startswith("MODERATION_DATABASE_URL")
    assert file in line


@only_sqlite
async def test_a_secret_in_a_file_that_may_not_be_read_is_named(environ: dict[str, str], closed: Path) -> None:
    del environ["MODERATION_SECRET_KEYS"]
    line = await refused(environ | {"MODERATION_SECRET_KEYS_FILE": f"{closed}/secret"})
    assert f"MODERATION_SECRET_KEYS_FILE is {closed}/secret" in line


def test_a_port_that_may_not_be_used_is_named() -> None:
    with pytest.raises(OSError, match="cannot be used") as raised, listening.naming(Address(host="::", port=80)):
        raise PermissionError(13, "error while attempting to bind on address ('::', 80): permission denied")
    assert str(raised.value) == f"MODERATION_LISTEN :::80 cannot be used: Permission denied for {USER}"
