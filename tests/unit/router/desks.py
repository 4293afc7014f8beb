"""A desk with policies of all features, drawn by hypothesis, and what people, time and other services do there.

Each step is one unit of work, as the handlers make it: the desk is opened, something happens, the record is taken, what waits is given
out. The play writes each record into tables of its own, as the database would, and holds it against books kept by other arithmetic.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from services.router.domain import (
    Agent,
    Entry,
    GroupState,
    Outcome,
    Pause,
    Policy,
    Presence,
    agent_changed,
    leave_changed,
    pause_changed,
    presence_changed,
    read_draft,
)
from services.router.domain.agent import Leave
from services.router.domain.decision import decide_matched
from services.router.domain.desk import (
    CLOSING,
    Assigned,
    Desk,
    Ended,
    How,
    Made,
    Record,
    accept,
    claim,
    close,
    count_so_far,
    decide_anew,
    decline_offer,
    due,
    give_back,
    hand_to,
    note_response,
    note_stage,
    pass_time,
    rank_again,
    reroute,
    route,
    with_groups,
)
from services.router.domain.desk.desk import OVER
from services.router.domain.lead import Case, Held, Offered, Queued
from services.router.domain.meeting import profile
from services.router.domain.offers import Answer
from services.router.domain.policy import Match, enrol, groups_of
from services.router.domain.sla import Clock
from services.router.domain.strategies import keys_of
from services.router.handlers.explaining import differences
from services.router.handlers.rows import decision_row
from tests.support.books import Books
from tests.unit.router.documents import FACTS
from tests.unit.router.worlds import STARTS, ZONES, an_agent

NAMES = ("Ann", "Ben", "Cyd", "Dan", "Eve")
IDS = {name: UUID(int=number) for number, name in enumerate(NAMES, 1)}
POOLS = ("east", "north", "west")
BY_ITSELF = frozenset((How.DECIDED, How.STICKY, How.NEXT_AGENT, How.REROUTED))
RINGS = 40
NOT_OVER = frozenset(("offered", "assigned", "queued"))
ENTRY = ("number", "kind", "at", "agent_id", "lead_id", "pool", "data")


class DeskPlay:
    """Leads, groups and tables of one play; `log` is all that was recorded, to be compared with another play's."""

    def __init__(self, policy: Policy, drawn: Mapping[UUID, Agent], now: datetime) -> None:
        groups = {id: pools for id, pools in enumerate(groups_of(policy), 1)}
        self.active = with_groups(policy, groups)
        self.drawn, self.now = drawn, now
        self.leads: dict[UUID, Case] = {}
        self.states = {
            id: GroupState([policy.pools[name] for name in sorted(pools)], drawn, now=now, carried={})
            for id, pools in groups.items()
        }
        self.openings = {id: state.snapshot() for id, state in self.states.items()}
        self.books = {id: Books(opening) for id, opening in self.openings.items()}
        self.ledgers: dict[int, list[Entry]] = {id: [] for id in groups}
        self.open: dict[UUID, Held] = {}  # by lead, as the table of open assignments has it
        self.queue: dict[UUID, Queued] = {}
        self.told: dict[UUID, list[int]] = {}
        self.owners: dict[tuple[Any, str], dict[UUID, datetime]] = {}
        self.merged: dict[UUID, Held] = {}
        self.log: list[str] = []
        self.seen: set[str] = set()  # what happened at all, so that a test can tell that it did
        self._ids = (UUID(int=number) for number in count(1_000_000))

    @property
    def policy(self) -> Policy:
        return self.active.policy

    # -- One unit of work

    def step(self, verb: str, number: int, agent: Agent) -> None:
        with self.desk() as desk:
            getattr(self, verb)(desk, number, agent)
        self.ring_out(verb, agent)
        with self.desk() as desk:
            desk.give_out([self.leads[one.lead_id] for one in self.waiting()], "drain")
        self.judge_rest()

    def ring_out(self, verb: str, agent: Agent) -> None:
        """A move is the last thing that one look does; what else is due rings again at once, and comes to an end."""
        for _ in range(RINGS if verb == "ring" else 0):
            if not any(lead.due_at and lead.due_at <= self.now for lead in self.leads.values()):
                return
            with self.desk() as desk:
                self.ring(desk, 1, agent)
        assert verb != "ring", "timers ring for ever"

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        for state in self.states.values():
            state.roll(self.now)
        before = {id: state.snapshot() for id, state in self.states.items()}
        refused = {id: lead.refused for id, lead in self.leads.items()}
        desk = Desk(self.active, self.states, self.now, lambda: next(self._ids))
        desk.busy = {one.pool for one in self.queue.values()}
        self.teach(desk)
        yield desk
        record = desk.take_record()
        self.judge_decisions(record, before, refused)
        self.write(desk, record)

    def waiting(self) -> list[Queued]:
        return sorted(self.queue.values(), key=lambda one: (-one.rank, one.queued_at, one.lead_id))

    # -- What happens

    def score(self, desk: Desk, number: int, _: Agent) -> None:
        """A new lead, or one that is known is scored again."""
        known = sorted(self.leads)
        if known and number % 4 == 0:
            lead = self.leads[known[number % len(known)]]
        else:
            lead = Case(UUID(int=1_000 + len(known)), received_at=self.now - timedelta(seconds=number), facts={})
            self.leads[lead.lead_id] = lead
            desk.add(lead)
        before = lead.grade, lead.qualification
        lead.facts = lead.facts or {"product": "abc"[number % 3], "contact_id": f"c{number % 5}", "language": "de"}
        lead.points, lead.grade = number, "ABCD"[number % 4]
        lead.qualification = "other" if number % 13 == 0 else "sales_qualified"
        desk.change(lead)
        if lead.status in ("unrouted", "rejected"):
            route(desk, lead, desk.match(lead), "scored")
        elif lead.queued:
            rank_again(desk, lead)
        elif lead.held and reroute(desk, lead, before, "scored"):
            self.seen.add("rerouted")

    def accept(self, desk: Desk, number: int, _: Agent) -> None:
        if lead := self.pick(number, held=True):
            accept(desk, lead, "accept", by="owner")

    def claim(self, desk: Desk, number: int, _: Agent) -> None:
        if (lead := self.pick(number, offered=True)) and lead.offered:
            offered = lead.offered.offer.agents
            ruling = claim(desk, lead, offered[number % len(offered)], "claim", by="agent")
            self.seen.add(f"claim {ruling.answer}")
            assert (lead.held is not None) == (ruling.answer is Answer.GRANTED)

    def decline(self, desk: Desk, number: int, _: Agent) -> None:
        if (lead := self.pick(number, offered=True)) and lead.offered and lead.offered.offer.open_to:
            decline_offer(desk, lead, lead.offered.offer.open_to[number % len(lead.offered.offer.open_to)], "decline")

    def give_back(self, desk: Desk, number: int, _: Agent) -> None:
        if (lead := self.pick(number, held=True)) and lead.held:
            give_back(desk, lead, "back", reason=("declined", "returned")[number % 2], by="owner")

    def hand_over(self, desk: Desk, number: int, _: Agent) -> None:
        if lead := self.pick(number):
            pool = POOLS[number % 3]
            if members := self.policy.pools[pool].members:
                forced = number % 5 == 0
                to = members[number % len(members)].agent_id
                why_not = hand_to(desk, lead, to, pool, "hand", by="manager", forced=forced)
                self.seen.add(f"hand over {'refused' if why_not else 'forced' if forced else 'done'}")

    def decide_again(self, desk: Desk, number: int, _: Agent) -> None:
        """A lead that waits or is on offer is routed anew, as after a change of the policy."""
        if (lead := self.pick(number, held=False)) and lead.status in ("queued", "offered"):
            decide_anew(desk, lead, "anew")

    def stage(self, desk: Desk, number: int, _: Agent) -> None:
        if lead := self.pick(number):
            name = ("contacted", "contacted", "qualified", "won", "lost")[number % 5]
            note_stage(desk, lead, name, self.now, "stage", assignment_id=lead.held.id if lead.held and number % 2 else None)

    def respond(self, desk: Desk, number: int, _: Agent) -> None:
        if lead := self.pick(number):
            note_response(desk, lead, self.now - timedelta(seconds=number), "response", assignment_id=None)

    def merge(self, desk: Desk, number: int, _: Agent) -> None:
        """A lead is merged away, or one that was comes back: as `handlers.chain` has it."""
        gone = sorted(id for id, lead in self.leads.items() if lead.status == "merged")
        if gone and number % 2:
            lead = self.leads[gone[number % len(gone)]]
            lead.status = "closed" if lead.stage in CLOSING else "unrouted"
            desk.change(lead)
            held = self.merged.pop(lead.lead_id, None)
            if lead.status == "unrouted" and not (held and desk.restore(lead, held.agent_id, held.pool, "unmerged")):
                decide_anew(desk, lead, "unmerged")
        elif (lead := self.pick(number)) is not None:
            if held := desk.end(lead, "merged", "merged"):
                self.merged[lead.lead_id] = held
            else:
                close(desk, lead, "merged", "merged")
                desk.leave_queue(lead)
                lead.offered = None
            lead.status = "merged"
            desk.change(lead)

    def wait(self, desk: Desk, number: int, _: Agent) -> None:
        self.now += timedelta(seconds=number * (1, 1, 20, 600)[number % 4])

    def set_back(self, desk: Desk, number: int, _: Agent) -> None:
        """The clock of another machine is behind."""
        self.now -= timedelta(seconds=number)

    def ring(self, desk: Desk, number: int, _: Agent) -> None:
        """The timers that are due ring, late by the time that nothing ran."""
        for lead in self.leads.values():
            if lead.due_at and lead.due_at <= self.now:
                lead.due_at = None
                pass_time(desk, lead, "timer", outage=timedelta(hours=1) if number % 7 == 0 else timedelta())
                desk.change(lead)

    def restart(self, desk: Desk, number: int, _: Agent) -> None:
        """Another process goes on, from what was written."""
        for id, state in self.states.items():
            self.states[id] = GroupState.restore(json.loads(json.dumps(state.snapshot())))
        for id, lead in self.leads.items():
            offered = lead.offered and Offered.from_document(json.loads(json.dumps(lead.offered.to_document())))
            clocks = tuple(Clock.from_document(json.loads(json.dumps(one.to_document()))) for one in lead.clocks)
            self.leads[id] = replace(lead, offered=offered, clocks=clocks)

    def change(self, desk: Desk, number: int, agent: Agent) -> None:
        """An agent's settings change, and with them its hours: what is promised is counted so far by those of before."""
        id = self.member(number)
        kept = replace(agent.settings, name=next(name for name, known in IDS.items() if known == id))
        self.tell(desk, id, agent_changed, settings=kept, calendars={})

    def leave(self, desk: Desk, number: int, _: Agent) -> None:
        starts = self.now + timedelta(minutes=number - 40)
        leaves = (Leave(UUID(int=1), starts, starts + timedelta(minutes=number), number % 4 == 0),) if number % 3 else ()
        self.tell(desk, self.member(number), leave_changed, leaves=leaves)

    def pause(self, desk: Desk, number: int, _: Agent) -> None:
        pause = Pause(self.now + timedelta(minutes=number) if number % 2 else None) if number % 3 else None
        self.tell(desk, self.member(number), pause_changed, pause=pause)

    def presence(self, desk: Desk, number: int, _: Agent) -> None:
        presence = Presence(("online", "online", "away")[number % 3], self.now + timedelta(minutes=3 * number))
        self.tell(desk, self.member(number), presence_changed, presence=presence)

    def tell(self, desk: Desk, id: UUID, kind: Any, **data: Any) -> None:
        for lead in self.leads.values():
            if lead.held and lead.held.agent_id == id and lead.clocks:
                count_so_far(desk, lead)
        if found := desk.state_of_agent(id):
            group, state = found
            desk.append(group, kind(state.number + 1, state.last_now, agent_id=id, **data))

    def member(self, number: int) -> UUID:
        ids = sorted(self.active.group_of_agent)
        return ids[number % len(ids)]

    def pick(self, number: int, *, held: bool | None = None, offered: bool = False) -> Case | None:
        found = [
            lead
            for _, lead in sorted(self.leads.items())
            if lead.status in NOT_OVER and (held is None or (lead.held is not None) is held) and (not offered or lead.offered)
        ]
        return found[number % len(found)] if found else None

    # -- Writing, as the database would

    def write(self, desk: Desk, record: Record) -> None:
        for lead, ending in record.ended:
            assert self.open.pop(lead.lead_id, None) == ending.held, "ended without having been open"
        for lead, held in record.assigned:
            assert lead.lead_id not in self.open, "a lead has two owners"
            self.open[lead.lead_id] = held
        for lead, held in record.accepted:
            assert self.open[lead.lead_id].id == held.id, "accepted without being open"
            self.open[lead.lead_id] = held
        for id in record.unqueued:
            self.queue.pop(id, None)
        for id, place in (*record.queued.items(), *((one.lead_id, one) for one in record.ranked)):
            self.queue[id] = place
        for lead in (*record.new.values(), *record.changed.values()):
            lead.due_at = due(desk, lead)
        for lead, what, sequence, _ in record.told:
            self.told.setdefault(lead.lead_id, []).append(sequence)
            self.seen.add(type(what).__name__)
            self.remember(lead, what)
        self.log.append(repr((record.entries, record.made, record.told, record.queued)))

    def remember(self, lead: Case, what: object) -> None:
        for key in keys_of(lead.facts or {}).items():
            if isinstance(what, Assigned):
                self.owners.setdefault(key, {})[what.held.agent_id] = what.held.assigned_at
            elif isinstance(what, Ended) and what.reason not in OVER:
                self.owners.get(key, {}).pop(what.held.agent_id, None)

    # -- Judging

    def judge_decisions(self, record: Record, before: Mapping[int, Any], refused: Mapping[UUID, tuple[UUID, ...]]) -> None:
        """Entries keep caps and absences by the books, and each decision comes out again from the state before it."""
        for id, opening in before.items():
            state = GroupState.restore(opening)
            entries = [entry for group, entry in record.entries if group == id]
            made = sorted((one for one in record.made if one.group == id), key=lambda one: (one.number or 0, one.ordinal))
            for entry in (*entries, None):
                while made and made[0].number == state.number:
                    self.judge(made.pop(0), state, self.books[id])
                if entry:
                    self.ledgers[id].append(entry)
                    broken = self.books[id].take({name: getattr(entry, name) for name in ENTRY})
                    assert broken is None, f"{entry.agent_id} {broken} and received another"
                    state.apply(entry)
            assert not made, "a decision stands on a number that the ledger has not"
        for one in record.made:
            if one.group is None:
                assert self.again(one, None) == {}
        for lead, what, _, _ in record.told:
            if isinstance(what, Assigned) and what.how in BY_ITSELF:
                assert what.held.agent_id not in refused.get(lead.lead_id, ()), "came back to who had refused it"

    def judge(self, made: Made, state: GroupState, books: Books) -> None:
        decision = made.decision
        self.seen.add(f"decision {made.outcome}")
        assert self.again(made, state) == {}
        chosen = (decision.winner.agent_id,) if decision.winner else decision.offer.agents if decision.offer else ()
        if decision.outcome not in (Outcome.ASSIGNED, Outcome.KEPT, Outcome.OFFERED):
            return
        assert decision.pool
        facts = self.policy.extend(decision.facts)
        for agent_id in chosen:
            settings = state.agent(agent_id).settings
            assert agent_id not in decision.terms.without, "had refused it"
            assert agent_id in {one.agent_id for one in self.policy.pools[decision.pool].members}
            stopped = books.hindrance(
                agent_id, decision.now, settings.work_of(decision.qualification, str(decision.facts["grade"]))
            )
            assert stopped is None, f"{agent_id} {stopped}"
            asked = self.policy.requirements(decision.pool, decision.rule)
            assert all(one.met(profile(agent_id, settings), facts) for one in asked), "does not meet what is asked"

    def again(self, made: Made, state: GroupState | None) -> dict[str, Any]:
        """What differs, when the decision as it is written is made again."""
        row = decision_row(made, self.policy.version)._asdict()
        for name in ("gates", "counters", "facts", "more"):
            row[name] = row[name] and json.loads(row[name])
        return differences(row, self.policy, state)

    def judge_rest(self) -> None:
        """What holds after each unit of work."""
        for id, lead in self.leads.items():
            assert self.told.get(id, []) == list(range(1, lead.sequence + 1)), "what was told has a gap"
            places = {"assigned": lead.held, "queued": lead.queued, "offered": lead.offered}
            assert {name for name, place in places.items() if place} == ({lead.status} & places.keys()), lead.status
            assert self.open.get(id) == lead.held
            assert self.queue.get(id) == lead.queued
            if lead.status not in NOT_OVER:
                assert not any(clock.runs for clock in lead.clocks), f"a clock runs for a lead that is {lead.status}"
        desk = Desk(self.active, self.states, self.now, lambda: next(self._ids))
        for lead in self.leads.values():
            assert due(desk, lead) == lead.due_at, "its timer rings at another time"
        for agent_id, group in self.active.group_of_agent.items():
            work = sum(held.work for held in self.open.values() if held.agent_id == agent_id)
            assert work == self.states[group].agent(agent_id).open == self.books[group].agents[agent_id].open
        self.judge_queue(desk)

    def judge_queue(self, desk: Desk) -> None:
        """Nobody waits who could be given out. What it would be is decided, and not done."""
        self.teach(desk)
        for place in self.queue.values():
            lead, match = self.leads[place.lead_id], Match(place.rule, place.pool)
            _, state = desk.state_of_pool(place.pool)
            terms = desk._terms(lead, match, offered=False, how=How.DECIDED)
            decision = decide_matched(lead.view, match, state, self.now, policy=self.policy, terms=terms)
            assert decision.outcome is Outcome.QUEUED, "waits, and somebody could have it"

    def teach(self, desk: Desk) -> None:
        for (key, value), found in self.owners.items():
            desk.owners.learn(key, value, found.items())

    def judge_ledgers(self) -> None:
        """From the opening, the ledger leads to the same state."""
        for id, state in self.states.items():
            replayed = GroupState.restore(json.loads(json.dumps(self.openings[id])))
            for entry in self.ledgers[id]:
                replayed.apply(entry)
            replayed.roll(state.last_now)
            assert replayed.snapshot() == state.snapshot()


# -- Drawn ---------------------------------------------------------------------------------------------------------------------------

_rare_cap = st.sampled_from([None] * 6 + [1, 2, 3])
agents = st.builds(
    an_agent,
    active=st.sampled_from([True] * 7 + [False]),
    hour=_rare_cap,
    day=_rare_cap,
    week=_rare_cap,
    month=_rare_cap,
    open_cap=st.sampled_from([None, 1, 2, 3, 5]),
    zone=st.sampled_from(ZONES),
    hours=st.sampled_from([None] * 5 + [(("09:00-12:00", "13:00-18:00"),) * 7, (("22:00-02:00",),) * 7]),
    holidays=st.sampled_from([()] * 5 + [("2026-03-29", "2026-10-25", "2026-11-01")]),
    needs_presence=st.sampled_from([False] * 5 + [True]),
    open_weights=st.sampled_from([{}, {"A": 2, "D": 3}]),
    skills=st.sampled_from([("saas",), ()]),
)
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["score"] * 8
            + ["ring", "wait"] * 3
            + ["accept", "claim", "decline", "give_back", "hand_over", "decide_again", "stage", "respond", "merge"]
            + ["change", "leave", "pause", "presence", "restart", "set_back"]
        ),
        st.integers(0, 100),
        agents,
    ),
    min_size=15,
    max_size=60,
)
_rungs = st.builds(
    lambda at, do: {"at": at, "do": do, **({"pool": "west"} if do == "pool" else {})},
    st.sampled_from([100, 150, 300]),
    st.sampled_from(["next_agent", "next_agent", "pool", "manager", "remind"]),
)
_slas = st.fixed_dictionaries(
    {
        "clock": st.sampled_from(["accept", "first_response", "follow_up"]),
        "minutes": st.sampled_from([1, 5, 60]),
        "time": st.sampled_from(["wall", "working", "support"]),
        "warn": st.sampled_from([[], [50], [20, 80]]),
        "ladder": st.lists(_rungs, max_size=3).map(lambda drawn: sorted(drawn, key=lambda one: one["at"])),
        "max_hops": st.integers(0, 3),
        "grace_minutes": st.sampled_from([0, 2]),
    }
)
_strategies = st.sampled_from(
    [{"kind": kind} for kind in ("rotation", "fewest", "least_open", "most_spare", "waterfall")]
    + [{"kind": "claim", "seconds": 60, "to": to, "counts": counts} for to, counts in ((1, True), (2, False), (5, True))]
    + [{"kind": "claim", "seconds": 30, "fallback": "fewest"}]
)
_sticky = st.fixed_dictionaries(
    {
        "by": st.sampled_from([["contact"], ["contact", "company"]]),
        "absent": st.sampled_from(["wait", "reassign"]),
        "departed": st.just("reassign"),
        "counts": st.booleans(),
        "hold_minutes": st.sampled_from([1, 60]),
    }
)


@st.composite
def _pools(draw: st.DrawFn, names: tuple[str, ...]) -> dict[str, Any]:
    members = draw(st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=3))
    pool: dict[str, Any] = {
        "members": [{"agent": name, "weight": draw(st.integers(1, 3))} for name in members],
        "strategy": draw(_strategies),
        "returns": draw(st.sampled_from([[], ["declined", "expired", "reassigned", "returned"], ["closed"]])),
        "hold": {"ageing_points_per_hour": draw(st.integers(0, 20))},
        "sla": draw(st.sampled_from([[], ["one"], ["one", "two"]])),
        "overflow": draw(st.sampled_from([[], ["north"], ["west", "east"], ["east", "north"]])),
    }
    if draw(st.booleans()):
        pool["sticky"] = draw(_sticky)
    if draw(st.booleans()):
        pool["requires"] = "'saas' in agent.skills"
    return pool


@st.composite
def plays(draw: st.DrawFn) -> DeskPlay:
    """A desk that just opened."""
    now = draw(st.sampled_from(STARTS))
    known = {name: draw(agents) for name in NAMES}
    drawn = {IDS[name]: replace(agent, settings=replace(agent.settings, name=name)) for name, agent in known.items()}
    pools = {name: draw(_pools(NAMES)) for name in POOLS}
    for name, pool in pools.items():
        pool["overflow"] = [other for other in pool["overflow"] if other != name]
    document = {
        "pools": pools,
        "routed": ["sales_qualified"],
        "rules": [
            {"name": "a", "when": "product == 'a'", "pool": "north", "requires": "lead.grade == 'A' || 'saas' in agent.skills"},
            {"name": "b", "when": "product == 'b'", "pool": "west", "sla": draw(st.sampled_from([[], ["two"]]))},
        ],
        "default": "east",
        "slas": {"one": draw(_slas), "two": draw(_slas)},
        "calendars": {"support": {"zone": "Europe/Berlin", "hours": {"mon": ["09:00-17:00"], "sun": ["00:00-24:00"]}}},
        "reroute": draw(
            st.sampled_from(
                [[], [{"when": "changed_grade == 'up'", "to": "west", "max_hops": 2}], [{"when": "points > 50", "to": "rules"}]]
            )
        ),
    }
    draft = read_draft(document, FACTS)
    policy, problems = enrol(draft.policy, [profile(id, agent.settings) for id, agent in drawn.items()])
    assert not [*draft.problems, *problems], (draft.problems, problems)
    return DeskPlay(policy, drawn, now)
