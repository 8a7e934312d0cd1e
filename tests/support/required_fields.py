"""What a comment form says of the fields that must be filled in."""

from playwright.async_api import Page, expect

REQUIRED = {
    "it": "I campi contrassegnati da * sono obbligatori.",
    "en": "Fields marked * are required.",
    "de": "Felder mit * sind Pflichtfelder.",
    "fr": "Les champs marqués d’un * sont obligatoires.",
    "es": "Los campos marcados con * son obligatorios.",
}
"""The sentence by language."""

_OPTIONAL = {"it": "facoltativo", "en": "optional", "de": "optional", "fr": "facultatif", "es": "opcional"}
_LABELS = """(form) => [...form.querySelectorAll(
    "input:not([type=hidden], [type=checkbox], [tabindex='-1']), textarea")]
  .map((one) => [one.name, one.required, one.labels[0].innerText.trim().endsWith("*")])"""


async def says_what_is_required(page: Page, language: str) -> None:
    """Fail unless the required fields alone have an asterisk, and a sentence above them says what it means."""
    form = page.locator("form:has(textarea)")
    said = form.locator("p", has_text=REQUIRED[language])
    await expect(said).to_be_visible()
    assert await form.evaluate(_LABELS) == [
        ["body", True, True],
        ["author_name", True, True],
        ["author_email", True, True],
        ["author_url", False, False],
    ]
    sentence, first = await said.bounding_box(), await form.locator("label").first.bounding_box()
    assert sentence
    assert first
    assert sentence["y"] + sentence["height"] <= first["y"]
    website = form.locator("[name=author_url]")
    described = await website.evaluate("(one) => one.ariaDescribedByElements.map((of) => of.innerText).join(' ')")
    assert f"({_OPTIONAL[language]})" in described
