"""Patterns of origins at which a site is tried out before it is published."""

from moderation_service.domain.accounts import public_suffixes
from moderation_service.domain.comments import pages

_ANY = "any-label"
_PORT = ":*"
_OWN = "localhost"


def normalised(pattern: str) -> str:
    """Return a pattern with its host as a browser writes it; raise InvalidPageError for an invalid host."""
    scheme, _, rest = pattern.partition("://")
    port = _PORT if rest.endswith(_PORT) else ""
    host = rest.removesuffix(_PORT)
    label = "*." if host.startswith("*.") else ""
    origin = pages.origin(pages.canonical(f"{scheme}://{host.removeprefix('*.')}/"))
    _, _, found = origin.partition("://")
    return f"{scheme.lower()}://{label}{found}{port}"


def is_anybodys(pattern: str) -> bool:
    """Tell whether a pattern stands for names that anybody may register, or be given by a hosting platform."""
    host = pattern.partition("://")[2]
    if not host.startswith("*."):
        return False
    name = host.removeprefix("*.").removesuffix(_PORT).partition(":")[0]
    return name != _OWN and public_suffixes.suffix_of(f"{_ANY}.{name}") in (name, f"{_ANY}.{name}")
