"""The bus port: publish many, read many, commit. What every adapter promises (tests/contract/bus_suite.py holds them to it):

* A topic has a fixed number of partitions; a key always falls into the same one. Records of one partition are read in the order
  in which their publishing became durable; nothing is ordered between partitions.
* `publish` returns when all records are durable. If it raises, any number of them may be durable, in order: publish again.
  Publishing twice is a duplicate on the wire, which the reader's inbox swallows.
* Each partition is read by one member of a group at a time. A new group begins at the earliest record. Members come and go; a
  member that dies is replaced within the session timeout. Around a change of hands records may be read twice, never skipped.
* A batch in hand is settled by `done` or `rewind` before the next `read`. Only what is done is ever committed, only for
  partitions still held, by `commit`, when a partition is handed over, and by `close`.
* `read` waits a moment for the first record and then returns what there is, so an empty list is normal.
* While the broker cannot be reached every verb raises Transient, or `read` returns nothing; when it can, they work again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from zlib import crc32

from shared.contracts.envelope import Outgoing, Received


def partition_of(key: bytes, partitions: int) -> int:
    """CRC-32 of the key, as librdkafka's `consistent` partitioner has it, so that both adapters and outside producers agree."""
    return crc32(key) % partitions


class Publisher(Protocol):
    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Makes all records durable, keeping their order within each partition. Raises Transient; publish again then."""
        ...

    async def close(self) -> None: ...


class Reader(Protocol):
    async def read(self, limit: int) -> list[Received]:
        """Up to `limit` records of the partitions held, in order within each. Waits briefly for the first."""
        ...

    def done(self, records: Sequence[Received]) -> None:
        """The batch is dealt with: its records need not be read again."""
        ...

    def rewind(self, records: Sequence[Received]) -> None:
        """The batch is not dealt with: its records are read again next."""
        ...

    async def commit(self) -> None:
        """Makes durable how far the group is done, for the partitions still held."""
        ...

    async def lag(self) -> int:
        """How many records of the partitions held are published and not yet read."""
        ...

    def trouble(self) -> str | None:
        """What an operator must know about this reader, such as records that will expire unread; None if all is well."""
        ...

    async def close(self) -> None:
        """Commits what is done and leaves the group, so that others take over at once."""
        ...


class Bus(Protocol):
    async def create_topics(self, names: Sequence[str], *, partitions: int) -> None:
        """Creates what is missing; needs an administrator's rights. Idempotent."""
        ...

    async def publisher(self) -> Publisher: ...

    async def reader(self, group: str, topics: Sequence[str], *, member: str) -> Reader:
        """Joins a group under a name of one's own that no other live member has."""
        ...

    async def close(self) -> None: ...
