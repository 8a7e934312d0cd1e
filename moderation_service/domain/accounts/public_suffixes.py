"""Which names of hosts anybody may register below, or be given by a hosting platform."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


def suffix_of(name: str) -> str | None:
    """Return the part of a name below which somebody registers, or a hosting platform gives out, names."""
    return _suffixes(only_registries=False).publicsuffix(name)


def is_of_registry(name: str) -> bool:
    """Tell whether a name is one below which a registry gives out names, like `co.uk`."""
    return _suffixes(only_registries=True).publicsuffix(name) == name


@cache
def _suffixes(*, only_registries: bool) -> "PublicSuffixList":
    """Read the list once, and only where it is needed."""
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - few processes need it

    return PublicSuffixList(only_icann=only_registries)
