"""What is said of one comment has the form for one, where a language has another for several."""

import pytest

from moderation_service import locales


@pytest.mark.parametrize(
    ("language", "one", "several"),
    [
        ("en", "Approved", "Approved"),
        ("it", "Approvato", "Approvati"),
        ("de", "Freigegeben", "Freigegeben"),
        ("fr", "Approuvé", "Approuvés"),
        ("es", "Aprobado", "Aprobados"),
    ],
)
def test_one_comment_is_approved_in_the_singular(language: str, one: str, several: str) -> None:
    said = locales.translations(language).ngettext
    assert (said("Approved", "Approved", 1), said("Approved", "Approved", 2)) == (one, several)
