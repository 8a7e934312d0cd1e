"""What tests of the web share."""

import io
import logging
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """All that the service writes to its log during the test, as text."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            monkeypatch.setattr(handler, "stream", written)
    return written.getvalue
