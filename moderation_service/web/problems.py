"""Every error in the domain's words becomes one status and one document, in the reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from babel.numbers import format_decimal

from moderation_service.domain import errors
from moderation_service.domain.errors import ModerationError
from moderation_service.locales import locale, translations
from schemas.problems import FIELD_MESSAGES, PROBLEM_TYPE, PROBLEMS, FieldCode, ProblemCode

STATUSES: dict[type[ModerationError], tuple[HTTPStatus, ProblemCode]] = {
    errors.MalformedRequestError: (HTTPStatus.BAD_REQUEST, ProblemCode.MALFORMED),
    errors.UnauthorizedError: (HTTPStatus.UNAUTHORIZED, ProblemCode.UNAUTHORIZED),
    errors.LoggedOutError: (HTTPStatus.UNAUTHORIZED, ProblemCode.LOGGED_OUT),
    errors.ForgedFormError: (HTTPStatus.FORBIDDEN, ProblemCode.FORGED_FORM),
    errors.UnknownSiteError: (HTTPStatus.FORBIDDEN, ProblemCode.UNKNOWN_SITE),
    errors.ForeignOriginError: (HTTPStatus.FORBIDDEN, ProblemCode.FOREIGN_ORIGIN),
    errors.NotFoundError: (HTTPStatus.NOT_FOUND, ProblemCode.NOT_FOUND),
    errors.LinkInvalidError: (HTTPStatus.NOT_FOUND, ProblemCode.LINK_INVALID),
    errors.DuplicateCommentError: (HTTPStatus.CONFLICT, ProblemCode.DUPLICATE),
    errors.LinkExpiredError: (HTTPStatus.GONE, ProblemCode.LINK_EXPIRED),
    errors.TokenExpiredError: (HTTPStatus.GONE, ProblemCode.LINK_EXPIRED),
    errors.LinkUsedError: (HTTPStatus.GONE, ProblemCode.LINK_VOID),
    errors.LinkVoidError: (HTTPStatus.GONE, ProblemCode.LINK_VOID),
    errors.HistoryLostError: (HTTPStatus.GONE, ProblemCode.START_AGAIN),
    errors.FieldsInvalidError: (HTTPStatus.UNPROCESSABLE_ENTITY, ProblemCode.INVALID_FIELDS),
    errors.KeyReusedError: (HTTPStatus.UNPROCESSABLE_ENTITY, ProblemCode.KEY_REUSED),
    errors.TooManyLoginsError: (HTTPStatus.TOO_MANY_REQUESTS, ProblemCode.RATE_LIMITED),
    errors.TooManyCommentsError: (HTTPStatus.TOO_MANY_REQUESTS, ProblemCode.RATE_LIMITED),
    errors.UnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, ProblemCode.UNAVAILABLE),
}
"""What a handler may raise. A class not listed here is answered as the listed class that it derives from."""

_BY_STATUS = {
    404: ProblemCode.NOT_FOUND,
    405: ProblemCode.METHOD_NOT_ALLOWED,
    413: ProblemCode.TOO_LARGE,
    415: ProblemCode.UNSUPPORTED_MEDIA_TYPE,
    500: ProblemCode.INTERNAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem before it is written as JSON or as a page."""

    status: int
    code: ProblemCode
    title: str
    detail: str
    errors: dict[str, list[dict[str, str]]]
    headers: dict[str, str]

    def document(self) -> dict[str, Any]:
        """Return the RFC 9457 document."""
        document: dict[str, Any] = {
            "type": PROBLEM_TYPE.format(code=self.code),
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        return document | {"errors": self.errors} if self.errors else document


def of_error(error: ModerationError, language: str) -> Problem:
    """Describe a domain error."""
    status, code = _listed(error)
    headers: dict[str, str] = {}
    if isinstance(error, errors.TooManyCommentsError | errors.TooManyLoginsError | errors.UnavailableError):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.UnauthorizedError):
        headers["WWW-Authenticate"] = 'Bearer realm="moderation"'
    if isinstance(error, errors.LoggedOutError):
        headers["WWW-Authenticate"] = 'Session realm="desk"'
    fields = field_errors(error.errors, language) if isinstance(error, errors.FieldsInvalidError) else {}
    return _problem(status, code, language, headers, fields)


def of_http(error: web.HTTPException, language: str) -> Problem:
    """Describe what aiohttp itself refuses: 404, 405, 413 and the like."""
    code = code_of(error)
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return _problem(error.status, code, language, headers, {})


def code_of(error: Exception) -> ProblemCode:
    """Return the code that an error is answered with."""
    if isinstance(error, ModerationError):
        return _listed(error)[1]
    if isinstance(error, web.HTTPException):
        return _BY_STATUS.get(error.status, ProblemCode.MALFORMED)
    return ProblemCode.INTERNAL


def internal(language: str) -> Problem:
    """Describe a mistake of ours."""
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, ProblemCode.INTERNAL, language, {}, {})


def json_answer(problem: Problem) -> web.Response:
    """Write a problem as `application/problem+json`."""
    return web.Response(
        status=problem.status,
        body=orjson.dumps(problem.document()),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def field_errors(found: Mapping[str, Sequence[str]], language: str) -> dict[str, list[dict[str, str]]]:
    """Spell out the codes of rejected fields."""
    gettext = translations(language).gettext
    return {
        name: [
            {
                "code": str(code),
                "message": gettext(FIELD_MESSAGES[FieldCode(code)]).format(limit=_limit(code, language)),
            }
            for code in codes
        ]
        for name, codes in found.items()
    }


def _listed(error: ModerationError) -> tuple[HTTPStatus, ProblemCode]:
    return next(STATUSES[one] for one in type(error).__mro__ if one in STATUSES)


def _limit(code: str, language: str) -> str:
    limit = getattr(code, "limit", None)
    return "" if limit is None else format_decimal(limit, locale=locale(language))


def _problem(
    status: int,
    code: ProblemCode,
    language: str,
    headers: dict[str, str],
    fields: dict[str, list[dict[str, str]]],
) -> Problem:
    gettext = translations(language).gettext
    title, detail = PROBLEMS[code]
    return Problem(
        status=status, code=code, title=gettext(title), detail=gettext(detail), errors=fields, headers=headers
    )
