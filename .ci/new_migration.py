"""Write the next migration: a numbered file from the template below, and its number where the code looks."""

import re
import sys
from pathlib import Path
from string import Template

ROOT = Path(__file__).parent.parent
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NUMBERED = re.compile(r"(\d{4})_\w+\.py")
_TEMPLATE = Template('''\
"""$sentence."""

import sqlalchemy as sa
from alembic import op

revision = "$revision"
down_revision = "$before"
branch_labels = None
depends_on = None

# True where the version before this one can still read and write all that it knows, as with a new column that
# may be null: an upgrade can be taken back then.
previous_version_may_run = False


def upgrade() -> None:
    """$sentence."""
''')


def main(storage: Path, name: str) -> Path:
    """Write the migration and raise the newest revision; return the path of the new file."""
    if not _NAME.fullmatch(name):
        sys.exit("A name in lower case with underscores is needed: make migration NAME=page_titles")
    folder = storage / "migrations" / "versions"
    before = max(found[1] for path in folder.iterdir() if (found := _NUMBERED.fullmatch(path.name)))
    revision = f"{int(before) + 1:04}"
    [known] = [
        path for path in storage.rglob("*.py") if f'\nNEWEST = "{before}"\n' in path.read_text(encoding="utf-8")
    ]
    path = folder / f"{revision}_{name}.py"
    sentence = name.replace("_", " ").capitalize()
    path.write_text(_TEMPLATE.substitute(sentence=sentence, revision=revision, before=before), encoding="utf-8")
    source = known.read_text(encoding="utf-8")
    known.write_text(source.replace(f'NEWEST = "{before}"', f'NEWEST = "{revision}"'), encoding="utf-8")
    return path


if __name__ == "__main__":
    print(main(ROOT / "moderation_service" / "storage", *sys.argv[1:2] or [""]))
