"""An erasure as the tracker can prove it: which service confirmed it when, what each removed, and when the topics are clean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.tracker.domain.timeline import SERVICES

OWN = SERVICES[-1]
BY_THE_DAY = timedelta(days=1)  # what is too old goes a day at a time, and so up to a day late


@dataclass(frozen=True)
class Confirmation:
    """A service has forgotten a lead. `at` is when it said so, `seen_at` when that came here; `removed` counts rows by table."""

    sequence: int
    at: datetime
    seen_at: datetime
    removed: Mapping[str, int]


@dataclass(frozen=True)
class Erasure:
    """One lead that was erased, on whose word, and who confirmed it so far."""

    lead_id: UUID
    contact_id: UUID
    reason: str
    by: str
    erased_at: datetime
    received: Mapping[str, Confirmation]

    @property
    def complete(self) -> bool:
        return all(service in self.received for service in SERVICES)


def joined(known: Erasure | None, told: Erasure) -> Erasure:
    """What is known once another copy came. In whatever order copies come, a service's first counts, and so does the first erasure.

    What the tracker removed itself adds up: a later copy finds what came in between.
    """
    if known is None:
        return told
    received = dict(known.received)
    for service, said in told.received.items():
        before = received.get(service)
        if before and service == OWN:
            received[service] = _added(before, said)
        elif before is None or said.sequence < before.sequence:
            received[service] = said
    return replace(min(known, told, key=_order), received=received)


def _order(erasure: Erasure) -> tuple[datetime, str, str, UUID]:
    return erasure.erased_at, erasure.reason, erasure.by, erasure.contact_id


def _added(before: Confirmation, now: Confirmation) -> Confirmation:
    if not now.removed:
        return before
    names = sorted({*before.removed, *now.removed})
    return replace(now, removed={name: before.removed.get(name, 0) + now.removed.get(name, 0) for name in names})


def clean_at(erasures: Iterable[Erasure], service: str, *, kept: timedelta) -> datetime | None:
    """When the service's topic holds nothing of these leads any more: records are kept that long and go by the day.

    What it said of them lies before its copy of the erasure, which was on the topic when it came here. None until each is confirmed.
    """
    seen = [erasure.received[service].seen_at if service in erasure.received else None for erasure in erasures]
    known = [at for at in seen if at is not None]
    return max(known) + kept + BY_THE_DAY if known and len(known) == len(seen) else None
