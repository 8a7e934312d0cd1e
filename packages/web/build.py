"""Write `dist/` of the npm package: the widget's modules, its words and style, and the types of the API.

A module of `src/comments/` stands in place of the widget's of that name.

Usage: python packages/web/build.py [FOLDER]; by default beside this file. The types are written by a package that
`make package` installs.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import moderation_service
from moderation_service.locales import LANGUAGES, SOURCE
from moderation_service.web.operations.openapi import document
from moderation_service.web.public import widget
from moderation_service.web.routes import ENDPOINTS

_HERE = Path(__file__).parent
_GENERATOR = _HERE / "node_modules/openapi-typescript/bin/cli.js"
_MODULES = Path(moderation_service.__file__).parent / "web/widget/comments"
_SCRIPT_ALONE = "start.js"
"""What the script does with the element: it puts one into the page."""


def build(folder: Path) -> None:
    """Write the package's content anew into a folder."""
    dist = folder / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    shutil.copytree(_MODULES, dist / "comments", ignore=shutil.ignore_patterns(_SCRIPT_ALONE, "*.css"))
    shutil.copy(_MODULES.parent / "work.js", dist / "comments")
    shutil.copytree(_HERE / "src", dist, dirs_exist_ok=True)
    (dist / "words").mkdir()
    for language in LANGUAGES:
        _write(dist / f"words/{language}.js", f"export const words = {_literal(widget.words(language))};\n")
    _write(dist / "comments/own.js", _own())
    _write(dist / "language.d.ts", f"export type Language = {' | '.join(map(_literal, LANGUAGES))};\n")
    _write(dist / "types.d.ts", _types())
    shutil.copy(_HERE.parents[1] / "LICENSE", folder)


def _own() -> str:
    """Return the module in place of what a service gives its script; it knows only the page's own origin."""
    others = ", ".join(f'{one}: () => import("../words/{one}.js")' for one in LANGUAGES if one != SOURCE)
    return (
        f'import {{ words }} from "../words/{SOURCE}.js";\n\n'
        "export const own = {\n"
        f"  language: {_literal(SOURCE)},\n"
        f"  spoken: {_literal(LANGUAGES)},\n"
        "  words,\n"
        f"  others: {{ {others} }},\n"
        f"  css: {_literal(widget.style())},\n"
        '  service: "",\n'
        "};\n"
    )


def _types() -> str:
    """Return the types of the API in TypeScript."""
    described = document([one for one in ENDPOINTS if one.path.startswith("/api/")], server="")
    command = [
        "node",
        str(_GENERATOR),
        "--root-types",
        "--root-types-no-schema-prefix",
        "--default-non-nullable=false",
    ]
    return subprocess.check_output(command, input=_literal(described), text=True)


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]) if sys.argv[1:] else _HERE)
