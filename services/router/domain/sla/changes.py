"""What changes a lead's clocks: somebody did something, the lead got another owner or none, or it is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.router.domain.sla.calendars import Calendars
from services.router.domain.sla.clock import NOUGHT, Clock, Holding, carry, is_told, start, welcome
from services.router.domain.sla.levels import ACCEPTED, CONTACTED, STAGE, Sla, SlaClock

REASSIGNED = "reassigned"


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody did at a moment, by all names that a promise may give it, the most exact first. `assignment_id` is the one it was
    done under, None where that is not known."""

    names: tuple[str, ...]
    at: datetime
    assignment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A lead's clocks, one for each service level, and what became of those that ended now.

    `breached` are those among the ended whose breach nobody has been told: the action came before the timer did. It is to be told now.
    """

    clocks: tuple[Clock, ...]
    ended: tuple[Clock, ...] = ()
    breached: tuple[Clock, ...] = ()


def accepted(at: datetime, assignment_id: UUID) -> Action:
    return Action((ACCEPTED,), at, assignment_id)


def contacted(at: datetime, assignment_id: UUID | None = None) -> Action:
    return Action((CONTACTED,), at, assignment_id)


def stage_changed(stage: str, at: datetime, assignment_id: UUID | None = None) -> Action:
    return Action((stage, STAGE), at, assignment_id)


def act(clocks: Sequence[Clock], action: Action, calendars: Calendars) -> Change:
    """Ends the clocks that waited for this; a clock for following up begins anew. However late: as long as the lead has not moved on, an
    acceptance counts."""
    fold = _Fold()
    for clock in clocks:
        if not _counts(clock, action):
            fold.keep(clock)
            continue
        ended = fold.end(carry(clock, calendars, action.at), action.names[0], action.at, kept=True)
        fold.keep(_again(clock, action.at) if clock.sla.clock is SlaClock.FOLLOW_UP else ended)
    return fold.change()


def hand_over(
    clocks: Sequence[Clock], slas: Iterable[Sla], *, holding: Holding, before: Calendars, after: Calendars, now: datetime
) -> Change:
    """A lead got another owner, or none (`holding` without an assignment).

    The time to accept begins anew with the owner. That to the first response and to following up goes on: what passed is counted in the
    time of the owner before, what follows in the new one's. Clocks that the lead's new place does not have are ended, others begin;
    the first response is promised once.
    """
    wanted = {sla.name: sla for sla in slas}
    fold = _Fold()
    for clock in clocks:
        if clock.runs and not _goes_on(clock, wanted, holding):
            fold.end(carry(clock, before, now), REASSIGNED, now)
        elif clock.runs:
            fold.keep(welcome(carry(clock, before, now), holding, after))
        elif clock.sla.clock is SlaClock.FIRST_RESPONSE and (clock.kept or is_told(clock)):
            fold.keep(clock)  # one that was stopped, since the lead was over, begins again now that it is not
    known = {clock.name for clock in fold.clocks}
    fold.clocks.extend(start((sla for name, sla in wanted.items() if name not in known), holding, after))
    return fold.change()


def stop(clocks: Sequence[Clock], why: str, calendars: Calendars, now: datetime) -> Change:
    """Ends all clocks: the lead is closed, merged into another, or erased."""
    fold = _Fold()
    for clock in clocks:
        fold.keep(fold.end(carry(clock, calendars, now), why, now) if clock.runs else clock)
    return fold.change()


def _counts(clock: Clock, action: Action) -> bool:
    """An acceptance, and anything that stands for one, is of the present owner and of now."""
    if not clock.runs or not clock.sla.is_kept_by(frozenset(action.names)):
        return False
    if clock.sla.clock is SlaClock.FIRST_RESPONSE:
        return True
    if clock.sla.clock is SlaClock.FOLLOW_UP:
        return action.at > clock.began_at
    return action.at >= clock.began_at and action.assignment_id in (None, clock.assignment_id)


def _goes_on(clock: Clock, wanted: dict[str, Sla], holding: Holding) -> bool:
    if clock.sla.clock is SlaClock.ACCEPT or clock.name not in wanted:
        return False
    return clock.sla.clock is SlaClock.FIRST_RESPONSE or holding.assignment_id is not None


def _again(clock: Clock, at: datetime) -> Clock:
    return replace(clock, began_at=at, since=at, spent=NOUGHT, taken=0, held_until=None)


class _Fold:
    """Collects a change, clock by clock."""

    def __init__(self) -> None:
        self.clocks: list[Clock] = []
        self._ended: list[Clock] = []
        self._breached: list[Clock] = []

    def keep(self, clock: Clock) -> None:
        self.clocks.append(clock)

    def end(self, clock: Clock, by: str, at: datetime, *, kept: bool = False) -> Clock:
        """The clock, ended; what it has spent is known."""
        ended = replace(clock, ended_at=at, ended_by=by, kept=kept)
        if clock.spent >= clock.sla.allowed and not is_told(clock):
            self._breached.append(ended)
        self._ended.append(ended)
        return ended

    def change(self) -> Change:
        return Change(tuple(self.clocks), tuple(self._ended), tuple(self._breached))
