"""Every field for text takes its direction from what is written into it, on every page and in the widget."""

import re
from pathlib import Path

import moderation_service

PACKAGE = Path(moderation_service.__file__).parent
OF_NO_DIRECTION = {"hidden", "checkbox", "radio", "submit", "date"}


def fields() -> list[tuple[str, str]]:
    """Return the tags of all fields into which one writes, each with the file that it stands in."""
    found = []
    for path in sorted(PACKAGE.rglob("*.html")):
        for tag in re.findall(r"<(?:input|textarea)\b(?:[^>\"]|\"[^\"]*\")*>", path.read_text(encoding="utf-8")):
            [kind] = re.findall(r'\btype="([^"]+)"', tag) or ["text"]
            if kind not in OF_NO_DIRECTION:
                found.append((str(path.relative_to(PACKAGE)), tag))
    return found


def test_every_field_of_a_template_takes_the_direction_of_its_text() -> None:
    assert len(fields()) >= 6
    assert [(path, tag) for path, tag in fields() if 'dir="auto"' not in tag] == []


def test_every_field_of_the_widget_takes_the_direction_of_its_text() -> None:
    modules = [one.read_text(encoding="utf-8") for one in (PACKAGE / "web/widget/comments").glob("*.js")]
    script = "\n".join(modules)
    made = re.findall(r'make\((?:id === "body" \? )?"(?:textarea|input)"[^{]*\{([^}]*)', script)
    written = [attributes for attributes in made if 'type: "checkbox"' not in attributes]
    assert len(made) == len(re.findall(r'make\([^,]*"(?:textarea|input)"', script)) == len(written) + 1
    [said] = re.findall(r"const said = \{([^}]*)", script)
    assert all('dir: "auto"' in attributes.replace("...said", said) for attributes in written)
