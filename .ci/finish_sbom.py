"""Give the bill of materials the service's version, which `pyproject.toml` leaves to the code, and validate it."""

import json
import re
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def finish(path: Path) -> str:
    """Write the file anew; return what is wrong with it, nothing where it is valid and whole."""
    said = json.loads(path.read_bytes())
    code = Path("moderation_service/__init__.py").read_text(encoding="utf-8")
    [said["metadata"]["component"]["version"]] = re.findall(r'^__version__ = "(.+)"$', code, re.MULTILINE)
    text = json.dumps(said, indent=2)
    path.write_text(text, encoding="utf-8")
    schema = SchemaVersion.from_version(said["specVersion"])
    if (error := JsonStrictValidator(schema).validate_str(text)) is not None:
        return str(error)
    missing = {"aiohttp", "apprise", "asyncpg", "sqlalchemy"} - {one["name"].lower() for one in said["components"]}
    return f"{', '.join(sorted(missing))} missing" if missing else ""


if __name__ == "__main__":
    sys.exit(finish(Path(sys.argv[1])) or None)
