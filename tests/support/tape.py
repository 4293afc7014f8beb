"""A reader that plays given records, for tests of the consuming loop: it keeps the port's promises and no broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from shared.contracts.envelope import Outgoing, Received
from tests.support.events import as_read


class Tape:
    """Each record is at the offset of its place in the list, all in partition 0. Calls `at_end` when all are done."""

    def __init__(self, records: Sequence[Outgoing], *, at_end: Callable[[], None] = lambda: None) -> None:
        self._records = [as_read(record, offset=n) for n, record in enumerate(records)]
        self._more = asyncio.Event()
        self.at_end = at_end
        self.position = 0
        self.finished = 0
        self.committed = 0
        self.reads = 0
        self.closed = False

    async def open(self) -> Tape:
        return self

    def append(self, records: Sequence[Outgoing]) -> None:
        self._records += [as_read(record, offset=len(self._records) + n) for n, record in enumerate(records)]
        self._more.set()

    async def read(self, limit: int) -> list[Received]:
        assert not self.closed
        self.reads += 1
        self._more.clear()
        if self.position == len(self._records):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), 0.01)
        batch = self._records[self.position : self.position + limit]
        self.position += len(batch)
        return batch

    def done(self, records: Sequence[Received]) -> None:
        if records:
            assert records[0].offset == self.finished, "done out of order"
            self.finished = records[-1].offset + 1
        if self.finished == len(self._records):
            self.at_end()

    def rewind(self, records: Sequence[Received]) -> None:
        if records:
            self.position = records[0].offset

    async def commit(self) -> None:
        self.committed = self.finished

    async def lag(self) -> int:
        return len(self._records) - self.position

    def trouble(self) -> str | None:
        return None

    async def close(self) -> None:
        await self.commit()
        self.closed = True
