"""Log lines say where and what kind, never what it was about, to machines and to people."""

import asyncio
import json
import logging
import os
import re

import pytest
import structlog

from moderation_service import log

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SECRET = "giuliana.canary@example.com"


def fail(logger: structlog.stdlib.BoundLogger) -> None:
    """Log an exception and its cause, each with a secret in its text."""
    try:
        give_up()
    except RuntimeError:
        logger.exception("request.failed", route="/x")


def give_up() -> None:
    try:
        os.environ[SECRET]
    except KeyError as error:
        raise RuntimeError(f"about {SECRET}") from error


@pytest.mark.parametrize("in_words", [False, True])
def test_an_exception_is_logged_by_class_and_place_alone(
    capsys: pytest.CaptureFixture[str],
    in_words: bool,  # noqa: FBT001
) -> None:
    log.configure(in_words=in_words)
    fail(structlog.stdlib.get_logger("moderation_service.tests"))
    written = capsys.readouterr().err
    assert "builtins.RuntimeError" in written
    assert "builtins.KeyError" in written
    assert "test_log.py" in written
    assert "request.failed" in written
    assert "canary" not in written
    assert "Logging error" not in written
    assert "\x1b" not in written


def test_a_line_for_machines_is_one_object_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    fail(structlog.stdlib.get_logger("moderation_service.tests"))
    [line] = capsys.readouterr().err.splitlines()
    written = json.loads(line)
    assert written["level"] == "error"
    assert written["logger"] == "moderation_service.tests"
    assert STAMP.fullmatch(written["timestamp"])
    assert [one["class"] for one in written["exception"]] == ["builtins.RuntimeError", "builtins.KeyError"]


@pytest.mark.parametrize("in_words", [False, True])
def test_of_another_librarys_line_only_the_template_is_kept(
    capsys: pytest.CaptureFixture[str],
    in_words: bool,  # noqa: FBT001
) -> None:
    log.configure(in_words=in_words)
    logging.getLogger("some.library").warning("refused %s", SECRET)
    logging.getLogger("some.library").info("not heard at all")
    written = capsys.readouterr().err
    assert "refused %s" in written
    assert "canary" not in written
    assert "not heard" not in written


async def test_a_line_of_a_request_has_the_form_of_all_others(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    write = log.AccessLog()
    write("GET", "/comments", 200, 0.0125)
    await asyncio.sleep(0)
    line = json.loads(capsys.readouterr().err)
    assert STAMP.fullmatch(line.pop("timestamp"))
    assert line == {
        "level": "info",
        "logger": "moderation_service.access",
        "event": "request",
        "method": "GET",
        "route": "/comments",
        "status": 200,
        "ms": 12.5,
    }


async def test_in_words_a_line_of_a_request_reads_as_all_others(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(in_words=True)
    structlog.stdlib.get_logger("moderation_service.tests").info("began")
    write = log.AccessLog()
    write("GET", "/comments", 200, 0.0125)
    await asyncio.sleep(0)
    began, request = capsys.readouterr().err.splitlines()
    for line, words in ((began, "began"), (request, "request")):
        stamp, level, rest = re.split(r" \[|\] ", line.replace("     ", ""), maxsplit=2)
        assert STAMP.fullmatch(stamp)
        assert level == "info"
        assert rest.startswith(words)
    assert request.endswith("method=GET route=/comments status=200 ms=12.50")
