"""Redrive: handling dead letters again, a lead at a time and in order."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shared.consumer.subscriptions import Subscriptions, dispatch
from shared.contracts.envelope import unpack
from shared.db import deadletters
from shared.db.deadletters import DeadLetter
from shared.db.faults import is_world
from shared.db.uow import Database, UnitOfWork


@dataclass(frozen=True)
class Redriven:
    """What became of one lead's dead letters: how many were repaired, and why the first that failed did."""

    lead_id: UUID | None
    repaired: int
    left: int
    reason: str | None = None


async def redrive(database: Database, subscriptions: Subscriptions, letter: DeadLetter) -> Redriven:
    """Handles a dead letter, and all that wait with it for the same lead, in order and each in a transaction of its own.

    Takes no inbox claim, for the record was claimed when it died. It holds the lead's dead-letter lock while it works, so that a new
    event of the lead either waits behind or finds nothing to wait for. Stops at the first that fails again and keeps its new reason.
    Raises Transient where the world fails; what was repaired until then stays repaired.
    """
    repaired = 0
    while True:
        current: DeadLetter | None = None
        try:
            async with database.begin() as uow:
                waiting = await _waiting(uow, letter)
                if not waiting:
                    return Redriven(letter.lead_id, repaired, 0)
                current = waiting[0]
                await dispatch(subscriptions, [unpack(current.record)], uow)
                await deadletters.delete(uow, [current.id])
        except Exception as error:
            if current is None or is_world(error):
                raise
            reason = f"{type(error).__name__}: {error}"
            async with database.begin() as uow:
                await deadletters.failed_again(uow, current.id, reason)
            return Redriven(letter.lead_id, repaired, len(waiting), reason)
        repaired += 1


async def _waiting(uow: UnitOfWork, letter: DeadLetter) -> list[DeadLetter]:
    if letter.lead_id is None:
        found = await deadletters.get(uow, letter.id)
        return [found] if found else []
    await deadletters.lock(uow, [letter.lead_id])
    return await deadletters.of_lead(uow, letter.lead_id)
