"""A firm for the routing fire: agents in shared pools with tight caps, and a policy that uses every strategy and every feature."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from shared.clock import SystemClock
from shared.contracts.envelope import Cause, Outgoing, pack
from shared.contracts.events import Event, LeadScored, StageChanged
from shared.contracts.topics import LEADS_SCORED, LEADS_TRACKED
from shared.telemetry import new_traceparent

FAIR = {"Ann": 1, "Bob": 2, "Cid": 5}  # never stopped by anything, so that their rotation can be checked turn by turn
FIELD = ("Dee", "Eli", "Fay", "Gus", "Hal")
DESK = ("Gus", "Hal", "Ida", "Jon")
HOT = ("Kim", "Lea", "Max", "Ned")
SPARE = ("Ora", "Pam", "Quin", "Rex")
BUSY = sorted({*FIELD, *DESK, *HOT, *SPARE})
PRODUCTS = ("fair", "field", "desk", "levels", "home", "hot", "fewest", "spare", "split")
ONLINE = ("Ida", "Kim", "Ora")  # receive only while they are online
PROMISED = 60  # seconds to the first response, the least that a policy can promise
CONTACTS = 1_500


def agents(drawn: Random, leads: int) -> dict[str, dict[str, Any]]:
    """What each agent is made with, by name, for so many leads."""
    made: dict[str, dict[str, Any]] = {name: {} for name in FAIR}
    for name in BUSY:
        languages = ["de", "en"] if drawn.random() < 0.6 else ["en"]
        made[name] = {"caps": caps(drawn, leads), "languages": languages, "needs_presence": name in ONLINE}
    return made


def caps(drawn: Random, leads: int) -> dict[str, int]:
    """Tight ones: a few open leads, and in an hour or a day some less or some more than falls to one agent of all the leads."""
    share = leads // len(BUSY)
    periods = {name: drawn.randint(share // 2, share * 3 // 2) for name in ("hour", "day", "week", "month")}
    return {"open": drawn.randint(10, 40), **periods}


def policy(turn: int) -> dict[str, Any]:
    """The policy of that many changes: weights, ageing and offers differ; the pool `fair` stays as it is."""
    weights = {name: 1 + (turn + place) % 3 for place, name in enumerate(FIELD)}
    sticky = {"by": ["contact", "company"], "absent": "wait", "hold_minutes": 1, "counts": bool(turn % 2)}
    pools = {
        "fair": _pool(FAIR),
        "field": {**_pool(weights), "overflow": ["desk"], "sla": ["answer"], "returns": ["declined", "returned", "expired"]},
        "desk": {**_pool(DESK), "strategy": {"kind": "least_open"}},
        "levels": {**_pool(DESK), "strategy": {"kind": "waterfall"}, "overflow": ["field"]},
        "home": {**_pool(DESK + FIELD), "sticky": sticky, "sla": ["accept"], "returns": ["declined"]},
        "hot": {
            **_pool(HOT),
            "strategy": {"kind": "claim", "to": 2 + turn % 2, "seconds": 5, "fallback": "fewest", "counts": True},
        },
        "fewest": {**_pool(HOT), "strategy": {"kind": "fewest"}, "hold": {"ageing_points_per_hour": 5 + turn % 5}},
        "spare": {**_pool(SPARE), "strategy": {"kind": "most_spare"}},
        "split": {**_pool(SPARE), "strategy": {"kind": "share", "percent": {"Ora": 10, "Pam": 20, "Quin": 30, "Rex": 40}}},
    }
    rules: list[dict[str, Any]] = [{"name": name, "when": f"product == '{name}'", "pool": name} for name in PRODUCTS[1:]]
    rules[2]["requires"] = "lead.language in agent.languages"
    ladder = [{"at": 100, "do": "next_agent"}, {"at": 105, "do": "next_agent"}, {"at": 120, "do": "pool", "pool": "spare"}]
    return {
        "pools": pools,
        "rules": rules,
        "default": "fair",
        "routed": ["sales_qualified"],
        "slas": {
            "answer": {**_SLA, "clock": "first_response", "warn": [50], "ladder": ladder, "max_hops": 3, "grace_minutes": 0},
            "accept": {**_SLA, "clock": "accept", "ladder": [{"at": 100, "do": "next_agent"}, {"at": 150, "do": "manager"}]},
        },
        "reroute": [{"when": "changed_grade == 'up'", "from": ["desk"], "to": "hot", "max_hops": 2}],
    }


_SLA = {"minutes": PROMISED // 60, "time": "wall"}


def _pool(members: Mapping[str, int] | tuple[str, ...]) -> dict[str, Any]:
    weights = members if isinstance(members, Mapping) else dict.fromkeys(members, 1)
    return {"members": [{"agent": name, "weight": weight} for name, weight in weights.items()]}


class Market:
    """Says what scoring and the tracker would say of leads: each event with the next number of its lead."""

    def __init__(self, rng: Random, clock: SystemClock) -> None:
        self._rng = rng
        self._clock = clock
        self._leads: list[UUID] = []
        self._scored: dict[UUID, int] = {}
        self._staged: dict[UUID, int] = {}

    def leads(self, count: int) -> list[Outgoing]:
        """New ones; now and then one that was scored before, better than then."""
        return [self._again() if self._leads and self._rng.random() < 0.05 else self._new() for _ in range(count)]

    def stage(self, lead: UUID, name: str, assignment: UUID) -> Outgoing:
        self._staged[lead] = self._staged.get(lead, 0) + 1
        known = assignment if self._rng.random() < 0.5 else None
        now = self._clock.now()
        event = StageChanged(lead_id=lead, stage=name, previous="new", changed_at=now, by="rep", assignment_id=known)
        return self._packed(event, LEADS_TRACKED.name, self._staged[lead])

    def _new(self) -> Outgoing:
        lead = self._clock.uuid7()
        self._leads.append(lead)
        return self._score(lead, grade=self._rng.choice("BC"))

    def _again(self) -> Outgoing:
        return self._score(self._rng.choice(self._leads[-2_000:]), grade="A")

    def _score(self, lead: UUID, *, grade: str) -> Outgoing:
        self._scored[lead] = self._scored.get(lead, 0) + 1
        drawn = Random(lead.int)  # the same facts each time that it is scored
        event = LeadScored(
            lead_id=lead,
            received_at=self._received(drawn),
            points=self._rng.randint(0, 100),
            grade=grade,
            qualification="other" if drawn.random() < 0.02 else "sales_qualified",
            reasons=[],
            scorecard_version=1,
            facts={
                "product": drawn.choice(PRODUCTS),
                "language": drawn.choice(["de", "en"]),
                "contact_id": f"contact-{drawn.randrange(CONTACTS)}",
                "company_domain": f"company-{drawn.randrange(CONTACTS)}.example",
            },
        )
        return self._packed(event, LEADS_SCORED.name, self._scored[lead])

    def _received(self, drawn: Random) -> datetime:
        """Half of the leads come late, so that the time to answer them is up while the fire burns."""
        return self._clock.now() - timedelta(seconds=drawn.choice([0, PROMISED - 5]))

    def _packed(self, event: Event, topic: str, sequence: int) -> Outgoing:
        id = self._clock.uuid7()
        cause = Cause(str(id), new_traceparent())
        return pack(event, topic=topic, source="/fire", id=id, time=self._clock.now(), sequence=sequence, cause=cause)
