"""What each kind of entry does to the seats and pools of a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from services.router.domain.agent import Leave, Pause, Presence, Settings
from services.router.domain.availability import caps_leave
from services.router.domain.fairness import FAIRNESS_KINDS
from services.router.domain.ledger import (
    AGENT_CHANGED,
    ASSIGNED,
    ENDED,
    LEAVE,
    PAUSE,
    PRESENCE,
    Entry,
    LedgerError,
    NotInGroup,
)
from services.router.domain.period import Periods, is_zone
from services.router.domain.pool_state import PoolState
from services.router.domain.state.seats import Seat, Seats
from services.router.domain.strategies import EVERYONE
from shared.ids import id_of

Pools = Mapping[str, PoolState]


def fold(entry: Entry, seat: Seat, seats: Seats, pools: Pools) -> int | None:
    """Applies an entry, which is `seat`'s. Of a turn it returns the requirement class it was taken in.

    Raises LedgerError for one that does not fit; then nothing has changed.
    """
    kind = entry.kind
    turn = FOLDS[kind](entry, seat, seats, pools)
    if kind in _OF_COUNTS:
        seats.book(seat)
    elif kind not in FAIRNESS_KINDS:
        seats.look_again(seat)
    if seats.to_settle:
        seats.settle()
    if kind in _OF_WORK:
        _hold(seat)
    return turn


@dataclass(slots=True)
class _Share:
    """What of the assignments that are applied at once is an agent's."""

    seat: Seat
    today: Periods
    leads: int = 0
    work: int = 0


def assign_together(entries: Sequence[Entry], seats: Seats, pools: Pools) -> bool:
    """Applies assignments of one moment, at less cost than `fold` of each. False, with nothing done, where the outcome might be another.

    An agent's counts only grow by them: whoever may receive after the last of them could all along, so gates are looked at once, at the
    end. Whoever comes to a cap among them is for `fold`. Raises LedgerError for one that does not fit, with others applied.
    """
    shares: dict[UUID | None, _Share] = {}
    for _, _, _, agent_id, _, _, data in entries:
        share = shares.get(agent_id)
        if share is None:
            seat = seats.of(agent_id)
            share = shares[agent_id] = _Share(seat, seats.today(seat))
        today = share.today
        if data["period"] != today.day.key or data.get("hour", 0) != today.number:
            return False
        share.leads += 1
        share.work += data.get("work", 1)
    if not all(map(_stays_free, shares.values())):
        return False
    for entry in entries:
        if entry.data["turn"]:
            _take(entry, shares[entry.agent_id].seat, pools)
    for share in shares.values():
        seat, today = share.seat, share.today
        seat.agent.assign(today.day.key, today.number, share.work, leads=share.leads)
        seats.book(seat)
        _hold(seat)
    return True


def _stays_free(share: _Share) -> bool:
    seat = share.seat
    untroubled = seat.gate is None and seat.back is None and not seat.agent.leaves
    return untroubled and caps_leave(seat.agent, share.today, share.leads, share.work)


def _hold(seat: Seat) -> None:
    for pool in seat.following:
        pool.hold(seat.agent_id, seat.agent)


def _assigned(entry: Entry, seat: Seat, seats: Seats, pools: Pools) -> int | None:
    data = entry.data
    period, turn = data["period"], _take(entry, seat, pools) if data["turn"] else None
    seat.agent.assign(period, data.get("hour", 0), data.get("work", 1))  # the first version knew neither hours nor work
    return turn


def _take(entry: Entry, seat: Seat, pools: Pools) -> int:
    pool, data = _pool_of(entry, seat, pools), entry.data
    without = tuple(id_of(one) for one in data["without"]) if "without" in data else ()
    try:
        return pool.take(seat.agent_id, of=data.get("of", EVERYONE), without=without)
    except (KeyError, ValueError) as error:
        raise LedgerError(f"entry {entry.number} is a turn of a class that agent {seat.agent_id} is not in") from error


def _pool_of(entry: Entry, seat: Seat, pools: Pools) -> PoolState:
    pool = pools.get(entry.pool or "")
    if pool is None or pool not in seat.pools:
        raise NotInGroup(f"entry {entry.number} is a turn, but agent {seat.agent_id} is not in pool {entry.pool}")
    return pool


def _ended(entry: Entry, seat: Seat, seats: Seats, pools: Pools) -> None:
    data = entry.data
    work = data.get("work", 1)
    if seat.agent.open < work:
        raise LedgerError(f"entry {entry.number} ends an assignment, but agent {seat.agent_id} has none open")
    seat.agent.end(work, give_back=(data["period"], data.get("hour", 0)) if data["gives_back"] else None)
    if "turn" in data and (pool := pools.get(entry.pool or "")) and pool in seat.pools:
        seats.book(seat)  # first, so that the turn is taken back among those who may receive without it
        with suppress(ValueError):  # a turn of an older group, of which nothing was carried
            pool.give_back(seat.agent_id, of=data["turn"])


def _agent_changed(entry: Entry, seat: Seat, seats: Seats, pools: Pools) -> None:
    settings = Settings.from_document(entry.data.get("settings", entry.data))
    if not is_zone(settings.zone):
        raise LedgerError(f"entry {entry.number} names a time zone that does not exist, {settings.zone}")
    seats.change_settings(seat, settings, entry.data.get("calendars", {}))


def _leave_changed(entry: Entry, seat: Seat, seats: Seats, pools: Pools) -> None:
    seat.agent.leaves = tuple(Leave.from_document(one) for one in entry.data["leaves"])


def _pause_changed(entry: Entry, seat: Seat, seats: Seats, pools: Pools) -> None:
    seat.agent.pause = Pause.from_document(entry.data["pause"]) if entry.data["pause"] else None


def _presence_changed(entry: Entry, seat: Seat, seats: Seats, pools: Pools) -> None:
    seat.agent.presence = Presence.from_document(entry.data["presence"])


def _fairness(entry: Entry, seat: Seat, seats: Seats, pools: Pools) -> None:
    _pool_of(entry, seat, pools).book.apply(entry)


Fold = Callable[[Entry, Seat, Seats, Pools], int | None]

FOLDS: Mapping[str, Fold] = {
    ASSIGNED: _assigned,
    ENDED: _ended,
    AGENT_CHANGED: _agent_changed,
    LEAVE: _leave_changed,
    PAUSE: _pause_changed,
    PRESENCE: _presence_changed,
    **dict.fromkeys(sorted(FAIRNESS_KINDS), _fairness),
}
_OF_COUNTS = frozenset((ASSIGNED, ENDED))
_OF_WORK = frozenset((ASSIGNED, ENDED, AGENT_CHANGED))
