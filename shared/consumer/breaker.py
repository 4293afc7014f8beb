"""The limit on how many records may die: beyond it the fault is our deploy's, not theirs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from shared.errors import HandoffError

DEAD_LIMIT, DEAD_WINDOW = 50, 200


class ParkedLoop(HandoffError):
    """Too many dead letters among the last records: this is our deploy's fault, not theirs."""


@dataclass
class Breaker:
    """Counts dead letters among the last records. One that is read again counts once: what was committed is what counts."""

    outcomes: deque[bool] = field(default_factory=lambda: deque(maxlen=DEAD_WINDOW))
    allowance: int = 0  # after each minute's wait one more may die, so that a lone poison cannot hold the loop for ever

    def handled(self, count: int) -> None:
        self.outcomes.extend([False] * min(count, DEAD_WINDOW))

    def check(self) -> None:
        """Raises ParkedLoop where one more would be too many."""
        if sum(self.outcomes) >= DEAD_LIMIT and not self.allowance:
            raise ParkedLoop(f"more than {DEAD_LIMIT} of the last {DEAD_WINDOW} records are dead letters")

    def died(self) -> None:
        if sum(self.outcomes) >= DEAD_LIMIT:
            self.allowance -= 1
        self.outcomes.append(True)
