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
    errors.CommentsClosedError: (HTTPStatus.FORBIDDEN, ProblemCode.COMMENTS_CLOSED),
    errors.RefusedError: (HTTPStatus.FORBIDDEN, ProblemCode.REFUSED_BY_RULE),
    errors.NotFoundError: (HTTPStatus.NOT_FOUND, ProblemCode.NOT_FOUND),
    errors.LinkInvalidError: (HTTPStatus.NOT_FOUND, ProblemCode.LINK_INVALID),
    errors.DuplicateCommentError: (HTTPStatus.CONFLICT, ProblemCode.DUPLICATE),
    errors.NotEditableError: (HTTPStatus.CONFLICT, ProblemCode.NOT_EDITABLE),
    errors.NotObjectableError: (HTTPStatus.CONFLICT, ProblemCode.NOT_OBJECTABLE),
    errors.ProofUsedError: (HTTPStatus.CONFLICT, ProblemCode.PROOF_USED),
    errors.ProofExpiredError: (HTTPStatus.GONE, ProblemCode.PROOF_EXPIRED),
    errors.LinkExpiredError: (HTTPStatus.GONE, ProblemCode.LINK_EXPIRED),
    errors.TokenExpiredError: (HTTPStatus.GONE, ProblemCode.LINK_EXPIRED),
    errors.LinkUsedError: (HTTPStatus.GONE, ProblemCode.LINK_VOID),
    errors.LinkVoidError: (HTTPStatus.GONE, ProblemCode.LINK_VOID),
    errors.HistoryLostError: (HTTPStatus.GONE, ProblemCode.START_AGAIN),
    errors.FieldsInvalidError: (HTTPStatus.UNPROCESSABLE_ENTITY, ProblemCode.INVALID_FIELDS),
    errors.PageNotNamedError: (HTTPStatus.UNPROCESSABLE_ENTITY, ProblemCode.PAGE_NOT_NAMED),
    errors.KeyReusedError: (HTTPStatus.UNPROCESSABLE_ENTITY, ProblemCode.KEY_REUSED),
    errors.TooManyLoginsError: (HTTPStatus.TOO_MANY_REQUESTS, ProblemCode.RATE_LIMITED),
    errors.TooManyCommentsError: (HTTPStatus.TOO_MANY_REQUESTS, ProblemCode.RATE_LIMITED),
    errors.TooManyStreamsError: (HTTPStatus.TOO_MANY_REQUESTS, ProblemCode.TOO_MANY_STREAMS),
    errors.StreamsFullError: (HTTPStatus.SERVICE_UNAVAILABLE, ProblemCode.STREAMS_FULL),
    errors.UnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, ProblemCode.UNAVAILABLE),
}
"""What a handler may raise. A class not listed here is answered as the listed class that it derives from."""

_TO_COME_BACK = (
    errors.TooManyCommentsError,
    errors.TooManyLoginsError,
    errors.TooManyStreamsError,
    errors.StreamsFullError,
    errors.UnavailableError,
)
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


def of(error: Exception, language: str) -> Problem:
    """Describe an error: one of the domain, what aiohttp itself refuses (404, 405, 413), or a mistake of ours."""
    headers: dict[str, str] = {}
    fields: dict[str, list[dict[str, str]]] = {}
    status = HTTPStatus.INTERNAL_SERVER_ERROR.value
    if isinstance(error, ModerationError):
        status = _listed(error)[0].value
        headers = _headers(error)
        if isinstance(error, errors.FieldsInvalidError | errors.UnknownSiteError):
            fields = field_errors(error.errors, language)
    elif isinstance(error, web.HTTPException):
        status = error.status
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    gettext = translations(language).gettext
    code = code_of(error)
    title, detail = (gettext(text) for text in PROBLEMS[code])
    if isinstance(error, errors.RefusedError) and error.contact is not None:
        whom = gettext("If you think this is a mistake, write to %(contact)s.") % {"contact": error.contact}
        detail = f"{detail} {whom}"
    return Problem(status=status, code=code, title=title, detail=detail, errors=fields, headers=headers)


def code_of(error: Exception) -> ProblemCode:
    """Return the code that an error is answered with."""
    if isinstance(error, errors.RefusedError):
        return ProblemCode(error.refusal)
    if isinstance(error, ModerationError):
        return _listed(error)[1]
    if isinstance(error, web.HTTPException):
        return _BY_STATUS.get(error.status, ProblemCode.MALFORMED)
    return ProblemCode.INTERNAL


def statuses() -> dict[ProblemCode, int]:
    """Return the status of each code."""
    by_code = {code: status.value for status, code in STATUSES.values()}
    by_code |= {code: status for status, code in _BY_STATUS.items()}
    return {ProblemCode.BLOCKED: by_code[ProblemCode.REFUSED_BY_RULE]} | by_code


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
                "message": gettext(FIELD_MESSAGES[FieldCode(code)]).format(
                    limit=_limit(code, language), word=getattr(code, "word", "")
                ),
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


def _headers(error: ModerationError) -> dict[str, str]:
    if isinstance(error, _TO_COME_BACK):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.UnauthorizedError):
        return {"WWW-Authenticate": 'Bearer realm="moderation"'}
    if isinstance(error, errors.LoggedOutError):
        return {"WWW-Authenticate": 'Session realm="desk"'}
    return {}
