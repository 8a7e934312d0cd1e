"""Log lines say where and what kind, never what it was about, to machines and to people."""

import json
import logging

import pytest
import structlog

from moderation_service import log

SECRET = "giuliana.canary@example.com"


def fail(logger: structlog.stdlib.BoundLogger) -> None:
    """Log an exception and its cause, each with a secret in its text."""
    try:
        give_up()
    except RuntimeError:
        logger.exception("request.failed", route="/x")


def give_up() -> None:
    try:
        {}[SECRET]
    except KeyError as error:
        raise RuntimeError(f"about {SECRET}") from error


@pytest.mark.parametrize("for_people", [False, True])
def test_an_exception_is_logged_by_class_and_place_alone(
    capsys: pytest.CaptureFixture[str],
    for_people: bool,  # noqa: FBT001
) -> None:
    log.configure(for_people=for_people)
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
    assert [one["class"] for one in written["exception"]] == ["builtins.RuntimeError", "builtins.KeyError"]


@pytest.mark.parametrize("for_people", [False, True])
def test_of_another_librarys_line_only_the_template_is_kept(
    capsys: pytest.CaptureFixture[str],
    for_people: bool,  # noqa: FBT001
) -> None:
    log.configure(for_people=for_people)
    logging.getLogger("some.library").warning("refused %s", SECRET)
    logging.getLogger("some.library").info("not heard at all")
    written = capsys.readouterr().err
    assert "refused %s" in written
    assert "canary" not in written
    assert "not heard" not in written
