"""What one row of the route table says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp.typedefs import Handler
from marshmallow import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A route, and what goes in and out of it.

    `is_public`: any origin's scripts may read it. `is_for_sites`: those of listed sites may post to it.
    `is_page`: a person's browser shows it, errors included. `is_for_visitors`: that person is no moderator.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    query: type[Schema] | None = None
    body: type[Schema] | None = None
    form: type[Schema] | None = None
    answers: Mapping[int, type[Schema] | None] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    is_public: bool = False
    is_for_sites: bool = False
    is_page: bool = False
    is_for_visitors: bool = False
    needs_key: bool = False
