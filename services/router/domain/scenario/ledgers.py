"""The ledgers of a scenario's groups, with the states that they amount to: each can be folded again from its opening."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from services.router.domain.ledger import Entry
from services.router.domain.state import GroupState


class Ledgers:
    """Groups are numbered in the order in which they open; those that were closed can still be folded."""

    def __init__(self) -> None:
        self.states: dict[int, GroupState] = {}
        self._openings: dict[int, Callable[[], GroupState]] = {}
        self._entries: dict[int, list[Entry]] = {}

    def open(self, opening: Callable[[], GroupState]) -> int:
        """Opens a group, and returns its number. `opening` makes the same state each time."""
        group = len(self._openings) + 1
        self._openings[group], self._entries[group] = opening, []
        self.states[group] = opening()
        return group

    def close(self, groups: Iterable[int]) -> None:
        for group in groups:
            del self.states[group]

    def keep(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Entries that the states know already."""
        for group, entry in entries:
            self._entries[group].append(entry)

    def before(self, group: int, number: int) -> GroupState:
        """The state after entry `number`, folded anew."""
        state = self._openings[group]()
        for entry in self._entries[group][:number]:
            state.apply(entry)
        return state

    def restart(self) -> list[str]:
        """Forgets the states and folds them anew from what would be stored. Returns what is not as it was, for a person."""
        faults = []
        for group, state in self.states.items():
            stored = GroupState.restore(json.loads(json.dumps(state.snapshot())))
            folded = GroupState.restore(json.loads(json.dumps(self._openings[group]().snapshot())))
            for entry in self._entries[group]:
                folded.apply(entry._replace(data=json.loads(json.dumps(entry.data))))
            folded.roll(state.last_now)
            faults += [
                f"{what} of the group of {', '.join(sorted(state.counters()))} is not as it was"
                for what, other in (("the snapshot", stored), ("the ledger", folded))
                if other.snapshot() != state.snapshot()
            ]
            self.states[group] = folded
        return faults
