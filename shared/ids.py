"""Ids in the kind that the driver reads and sends: made, compared and hashed in C, and a UUID to all who ask.

Whoever keeps ids from a text beside ids from the database makes them here: two kinds of one id are found and told apart slowly.
"""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as DriverUUID


def id_from(bytes: bytes) -> UUID:
    """The id of these 16 bytes."""
    made: UUID = DriverUUID(bytes)
    return made


@lru_cache(maxsize=1 << 18)
def id_of(text: str) -> UUID:
    """The id that the text is: the same object each time, which a look-up finds without comparing numbers. Raises ValueError."""
    made: UUID = DriverUUID(text)
    return made
