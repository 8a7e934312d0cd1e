"""What was asked and answered in a trial: the examples of the OpenAPI document, as they are kept."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

_FILE = Path(str(files("moderation_service.web.operations") / "texts/examples.json"))


def kept() -> dict[str, Any]:
    """By method and path of the document, or `webhook` and its name."""
    found: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def keep(examples: dict[str, Any]) -> None:
    _FILE.write_text(json.dumps(examples, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
