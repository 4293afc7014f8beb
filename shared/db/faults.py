"""Whose fault is a database error? The world's is Transient and is tried again; everything else is the record's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import asyncpg
import sqlalchemy.exc

from shared.errors import HandoffError, Permanent, Transient

# Connection lost, transaction to be repeated, out of resources, shutting down, lock not had in time, cancelled by a time limit,
# and read-only (a standby after a fail-over).
_WORLD = ("08", "40", "53", "57P0", "55P03", "57014", "25006")
_BUSY = "55P03"


def is_world(error: BaseException) -> bool:
    """True where the same work may succeed later."""
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        cause = error.orig.__cause__ if error.orig is not None else None
        return error.connection_invalidated or (cause is not None and is_world(cause))
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_WORLD)
    if isinstance(error, asyncpg.InterfaceError):
        # A value that does not fit is one too (and a ValueError), and its message quotes what a person wrote.
        return not isinstance(error, ValueError) and ("closed" in str(error) or "connection" in str(error))
    # InternalClientError: the server was killed in mid-answer, and the driver lost track of what it was doing.
    return isinstance(error, Transient | OSError | TimeoutError | sqlalchemy.exc.TimeoutError | asyncpg.InternalClientError)


def is_busy(error: BaseException | None) -> bool:
    """True where a lock was not had in time. However often, that says nothing of the work, but of how many others want the same."""
    while error is not None:
        if isinstance(error, asyncpg.PostgresError) and error.sqlstate == _BUSY:
            return True
        error = error.__cause__
    return False


def describe(error: BaseException) -> str:
    """The error's kind without the values that it quotes: safe to log."""
    if isinstance(error, asyncpg.PostgresError):
        return f"{type(error).__name__} ({error.sqlstate})"
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig is not None and error.orig.__cause__ is not None:
        return describe(error.orig.__cause__)
    return str(error) if isinstance(error, Transient) else type(error).__name__  # what we said ourselves quotes nothing


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raises what a driver raises as Transient or Permanent. Errors of our own pass as they are."""
    try:
        yield
    except HandoffError:
        raise
    except Exception as error:
        if is_world(error):
            raise Transient(f"database: {describe(error)}") from error
        if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | sqlalchemy.exc.SQLAlchemyError):
            raise Permanent(f"database: {error}") from error
        raise
