"""How fast the router decides: decisions a second by agents and rules, in one process and beside what Python alone takes.

`python -m tests.bench.routing [--quick]` prints it as a table. A decision here is all of it: the rules asked, somebody chosen, the ledger's
entry made and applied to the state. Every lead is ended again as the next ones come, so that counts and caps change and nobody is full;
that is not timed. The floor is Python written by hand: a dict from product to a list of agents, the next one, a count and a record: what is
left when nothing can be configured. Times are CPU time of this process, so that what else runs on the machine counts less.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from services.router.domain import Decision, GroupState, Policy, decide, ended
from tests.bench import teams
from tests.bench.accounting import resident_mib
from tests.bench.quantile import quantile
from tests.bench.teams import NOON, Lead, Office

AGENTS = (10, 1_000, 100_000)
RULES = (10, 100, 1_000)
QUICK = ((10, 10), (1_000, 100))
HELD = 200  # leads that are open at a time
_STEP = timedelta(milliseconds=20)
_WARM = 4_000


def measure(*, quick: bool = False, decisions: int = 20_000) -> dict[str, Any]:
    """For each size: decisions a second, µs of one at p50 and p99, what the floor takes, and what it took to make policy and state."""
    sizes = QUICK if quick else tuple((agents, rules) for agents in AGENTS for rules in RULES)
    leads = [teams.lead(n) for n in range(decisions)]
    offices = {agents: teams.open_office(agents) for agents, _ in sizes}
    return {f"{agents:,} × {rules:,}": _measured(offices[agents], rules, leads) for agents, rules in sizes}


class Desk:
    """Decides leads one after the other, as the router does between two commits, and ends each again when it is its turn."""

    def __init__(self, policy: Policy, state: GroupState) -> None:
        self.policy, self.state, self.now = policy, state, NOON
        self.outcomes: Counter[str] = Counter()
        self._held: deque[Decision] = deque()

    def decide(self, lead: Lead) -> Decision:
        decision = decide(lead, self.policy, self.state, self.now)
        if decision.winner:
            self.state.apply(decision.entry(self.state.number + 1))
        return decision

    def settle(self, decision: Decision) -> None:
        """Time passes, and the oldest lead is over."""
        self.now += _STEP
        self.outcomes[decision.outcome] += 1
        if decision.winner:
            self._held.append(decision)
        if len(self._held) > HELD:
            self._end(self._held.popleft())

    def _end(self, decision: Decision) -> None:
        winner = decision.winner
        assert winner is not None
        counted = {"period": winner.period, "hour": winner.hour, "work": winner.work}
        held = {"agent_id": winner.agent_id, "lead_id": decision.lead_id, "pool": decision.pool}
        closing = {"reason": "won", "gives_back": False}
        self.state.apply(ended(self.state.number + 1, self.now, **held, **closing, **counted))


def timed(desk: Desk, leads: Sequence[Lead]) -> Iterator[int]:
    """Nanoseconds of each decision, without what it takes to read the clock."""
    tick = min(_tick() for _ in range(1_000))
    for lead in leads:
        started = time.process_time_ns()
        decision = desk.decide(lead)
        yield time.process_time_ns() - started - tick
        desk.settle(decision)


def _tick() -> int:
    started = time.process_time_ns()
    return time.process_time_ns() - started


def floor(leads: Sequence[Lead], agents: int) -> float:
    """Microseconds of a decision that knows no rules: an agent in turn, a count, a record."""
    pools = {product: list(range(n, agents, len(teams.PRODUCTS))) for n, product in enumerate(teams.PRODUCTS)}
    turns: dict[str, int] = dict.fromkeys(pools, 0)
    held: dict[int, int] = {}
    ledger: list[tuple[int, Any, int, str]] = []
    started = time.process_time_ns()
    for lead in leads:
        pool = lead.facts["product"]
        members = pools[pool]
        turns[pool] += 1
        agent = members[turns[pool] % len(members)]
        held[agent] = held.get(agent, 0) + 1
        ledger.append((len(ledger) + 1, lead.lead_id, agent, pool))
    return (time.process_time_ns() - started) / len(leads) / 1_000


def _measured(office: Office, rules: int, leads: Sequence[Lead]) -> dict[str, Any]:
    started = time.process_time()
    policy = teams.policy_of(rules, office.members)
    compiled = time.process_time() - started
    before, started = resident_mib(os.getpid()), time.process_time()
    desk = Desk(policy, GroupState.restore(office.snapshot))
    opened = time.process_time() - started
    taken = resident_mib(os.getpid()) - before
    cold = sum(timed(desk, leads[:_WARM])) / _WARM / 1_000
    gc.collect()
    gc.freeze()  # what stays is not looked through again and again, as in the service
    took = sorted(timed(desk, leads))
    gc.unfreeze()
    bare = floor(leads, office.agents)
    mean = sum(took) / len(took) / 1_000
    return {
        "decisions_per_second": round(1e6 / mean),
        "p50_us": round(quantile(took, 0.5) / 1_000, 1),
        "p99_us": round(quantile(took, 0.99) / 1_000, 1),
        "floor_us": round(bare, 2),
        "times_the_floor": round(mean / bare, 1),
        "first_us": round(cold, 1),
        "compile_s": round(compiled, 2),
        "open_s": round(opened, 2),
        "open_mib": round(taken),
        "assigned": round(desk.outcomes["assigned"] / desk.outcomes.total(), 3),
    }


def table(found: dict[str, Any]) -> str:
    """The figures in Markdown, a line a size."""
    heads = ("agents × rules", *next(iter(found.values())))
    lines = [heads, ("---",) * len(heads), *((size, *map(str, one.values())) for size, one in found.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.routing", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two sizes only")
    print(table(measure(quick=parser.parse_args().quick)))
