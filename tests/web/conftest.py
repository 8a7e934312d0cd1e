"""What tests of the web share."""

import io
import logging
from collections.abc import Callable

import pytest


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that the service has written to its log during the test, as text."""
    written = io.StringIO()
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            monkeypatch.setattr(handler, "stream", written)

    def so_far() -> str:
        written.write(capsys.readouterr().err)
        return written.getvalue()

    return so_far
