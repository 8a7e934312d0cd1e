"""What libraries raise becomes one word for the program and a reason for the operator, without any data."""

import sqlite3

import asyncpg
import pytest
from sqlalchemy import exc

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine.faults import ConnectionLostError, in_our_words


def full() -> exc.DBAPIError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorname = "SQLITE_FULL"
    return exc.OperationalError("INSERT", {"body": "secret"}, error)


@pytest.mark.parametrize(
    ("raised", "kind", "reason"),
    [
        (full(), UnavailableError, "the disk is full (SQLITE_FULL)"),
        (TimeoutError(), UnavailableError, "it did not answer in time"),
        (ConnectionRefusedError(111, "Connection refused"), UnavailableError, "Connection refused"),
        (exc.TimeoutError("pool"), UnavailableError, "it did not answer in time"),
        (exc.PendingRollbackError("secret"), ConnectionLostError, "the connection broke"),
        (asyncpg.CannotConnectNowError("secret"), UnavailableError, "the server is starting or stopping (57P03)"),
        (asyncpg.TooManyConnectionsError("secret"), UnavailableError, "the server has no connection left (53300)"),
        (asyncpg.InterfaceError("secret"), UnavailableError, "the driver gives a reason that only the log names"),
        (asyncpg.ConnectionDoesNotExistError("secret"), UnavailableError, "the connection broke (08003)"),
    ],
)
def test_faults_of_databases_are_one_word_with_a_reason(
    raised: Exception, kind: type[UnavailableError], reason: str
) -> None:
    with pytest.raises(UnavailableError) as found, in_our_words():
        raise raised
    assert type(found.value) is kind
    assert str(found.value) == reason


@pytest.mark.parametrize("fault", [ValueError("ours"), exc.IntegrityError("INSERT", {}, Exception())])
def test_faults_of_the_program_stay_what_they_are(fault: Exception) -> None:
    with pytest.raises(type(fault)), in_our_words():
        raise fault
