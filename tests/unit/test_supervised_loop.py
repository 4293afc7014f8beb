"""A loop that ends unasked is a crash, so that no process lives on without it."""

from __future__ import annotations

import asyncio

import pytest

from shared.runtime.server import supervised


class Ending:
    """A loop that ends by itself: with this, or quietly."""

    def __init__(self, error: BaseException | None = None) -> None:
        self._error = error

    async def run(self) -> None:
        if self._error:
            raise self._error

    def stop(self) -> None: ...

    def health(self) -> str | None:
        return None


class Patient(Ending):
    async def run(self) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize("error", [None, asyncio.CancelledError()])
async def test_a_loop_that_ends_unasked_has_crashed(error: BaseException | None) -> None:
    with pytest.raises(RuntimeError, match="Ending"):
        await supervised(Ending(error), asyncio.Event())


async def test_a_crash_is_passed_on_as_it_is() -> None:
    with pytest.raises(KeyError):
        await supervised(Ending(KeyError("x")), asyncio.Event())


async def test_a_loop_that_was_asked_may_end() -> None:
    stopping = asyncio.Event()
    stopping.set()
    await supervised(Ending(), stopping)


async def test_a_cancellation_from_outside_is_one() -> None:
    task = asyncio.create_task(supervised(Patient(), asyncio.Event()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
