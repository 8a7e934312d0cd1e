"""A page's form as a browser without JavaScript has it."""

from html.parser import HTMLParser


class Form(HTMLParser):
    """The form of a page: its action, and what stands in its fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.values: dict[str, str] = {}
        self.ticks: set[str] = set()
        """The fields that may be ticked."""
        self.tags: list[str] = []
        self._inside: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        if tag == "form":
            self.action = found["action"] or ""
        if found.get("type") == "checkbox":
            self.ticks.add(found["name"] or "")
        is_ticked = found.get("type") != "checkbox" or "checked" in found
        if tag in ("input", "textarea") and is_ticked:
            self.values[found["name"] or ""] = found.get("value") or ""
        self._inside = found["name"] if tag == "textarea" else None

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self.values[self._inside] += data
