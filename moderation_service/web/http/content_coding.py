"""Which compression a reader takes, by its `Accept-Encoding` (RFC 9110, 12.5.3)."""

import gzip
import re
import sys
from enum import StrEnum
from functools import lru_cache

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_HEADERS_REMEMBERED = 1_024
_LONGEST_HEADER = 500
_ALIASES = {"x-gzip": "gzip"}
_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 6
"""As small as gzip at its own level, in half of the time."""


class Coding(StrEnum):
    """A way to compress an answer, the preferred first."""

    ZSTD = "zstd"
    GZIP = "gzip"


@lru_cache(_HEADERS_REMEMBERED)
def preferred(accept_encoding: str) -> Coding | None:
    """Return the coding of the highest weight, the first of equals; None where the reader wants the plain bytes.

    A coding is taken where it is named, or by `*`, and not by `q=0`. Where nothing else is left, the plain bytes
    are sent even to who refuses them.
    """
    weights: dict[str, float] = {}
    for item in accept_encoding[:_LONGEST_HEADER].lower().split(","):
        coding, _, parameter = item.partition(";")
        weights[_ALIASES.get(coding.strip(), coding.strip())] = _weight(parameter.strip())
    others = weights.get("*", 0.0)
    best = max(Coding, key=lambda one: weights.get(one, others))
    weight = weights.get(best, others)
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else None


def _weight(parameter: str) -> float:
    """Return a weight, 1 where none is given, 0 where it cannot be read."""
    if not parameter:
        return 1.0
    found = _WEIGHT.fullmatch(parameter)
    return float(found[1]) if found else 0.0


def compress(coding: Coding, body: bytes) -> bytes:
    """Return the same bytes for the same body, so that all replicas agree."""
    if coding is Coding.ZSTD:
        return zstd.compress(body, _ZSTD_LEVEL)
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)
