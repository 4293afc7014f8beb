"""Policy documents and agents for tests of policies."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.router.domain import Draft, Profile, read_draft
from services.router.domain.policy import of_lead
from shared.rules import Kind, Vocabulary

FACTS = Vocabulary(
    {
        **dict.fromkeys(("country", "region", "postcode", "language", "product"), Kind.TEXT),
        **dict.fromkeys(("company_size", "budget"), Kind.NUMBER),
        "has_email": Kind.TRUTH,
        "tags": Kind.TEXTS,
    }
)
LEAD_FACTS = of_lead(FACTS)
ANN = Profile(UUID(int=1), "Ann", weight=3, skills=("saas",), languages=("de", "en"))
BEN = Profile(UUID(int=2), "Ben", skills=("saas", "retail"), languages=("en",))
CYD = Profile(UUID(int=3), "Cyd", kind="partner", level=2)
AGENTS = (ANN, BEN, CYD)


def a_document(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A sound policy with these rules."""
    pools = {"north": {"members": [{"agent": "Ann", "weight": 2}, {"agent": "Ben"}]}, "south": {"members": [{"agent": "Cyd"}]}}
    reaching = [{"name": "the rest", "pool": "south"}]
    document = {
        "pools": pools,
        "rules": [{"name": "to north", "when": "has_email", "pool": "north"}, *reaching],
        "default": "south",
    }
    return {**document, **({"rules": list(rules)} if rules else {}), **changes}


def a_rule(when: str, pool: str = "north", **more: Any) -> dict[str, Any]:
    return {"name": f"rule {when}"[:60].translate(_DROPPED), "when": when, "pool": pool, **more}


def a_draft(*rules: dict[str, Any], **changes: Any) -> Draft:
    return read_draft(a_document(*rules, **changes), FACTS)


# A document that uses every part that there is.
WHOLE: dict[str, Any] = {
    "name": "Spring",
    "facts": {"team_size": "number"},
    "define": {"enterprise": "company_size >= 500", "large": "enterprise || team_size > 50"},
    "routed": ["marketing_qualified", "sales_qualified"],
    "pools": {
        "emea": {
            "members": [{"agent": "Ann", "weight": 2, "level": 1}, {"agent": str(BEN.id)}],
            "member_rule": "'saas' in agent.skills && agent.kind == 'agent'",
            "strategy": {"kind": "claim", "to": 3, "seconds": 60, "fallback": "fewest", "counts": True},
            "requires": "lead.language in agent.languages",
            "sticky": {
                "by": ["contact"],
                "days": 90,
                "absent": "wait",
                "departed": "reassign",
                "counts": True,
                "hold_minutes": 60,
            },
            "overflow": ["global"],
            "returns": ["declined", "expired"],
            "hold": {"ageing_points_per_hour": 5, "promise_minutes": 30},
            "sla": ["accept-fast"],
        },
        "global": {
            "members": [{"agent": "Cyd"}, {"agent": "Ben"}],
            "strategy": {"kind": "share", "percent": {"Cyd": 60, "Ben": 40}},
        },
    },
    "rules": [
        {
            "name": "german",
            "when": "country == 'DE' && large",
            "pool": "emea",
            "requires": "'de' in agent.languages",
            "sla": ["answer"],
        },
        {"name": "rest", "pool": "global"},
    ],
    "default": "global",
    "slas": {
        "accept-fast": {
            "clock": "accept",
            "minutes": 10,
            "time": "wall",
            "warn": [50, 80],
            "ladder": [
                {"at": 100, "do": "next_agent"},
                {"at": 200, "do": "manager"},
                {"at": 300, "do": "pool", "pool": "global"},
            ],
            "counts": ["accepted"],
            "max_hops": 2,
            "grace_minutes": 0,
        },
        "answer": {
            "clock": "first_response",
            "minutes": 60,
            "time": "support",
            "origin": "assignment",
            "absent": "pause",
            "counts": ["contacted", "stage"],
            "max_hops": 3,
        },
    },
    "calendars": {
        "support": {
            "zone": "Europe/Berlin",
            "hours": {"mon": ["09:00-12:00", "13:00-17:00"]},
            "holidays": ["DE-BY", "2026-12-24"],
        }
    },
    "reroute": [{"when": "changed_grade == 'up' && grade == 'A1'", "from": ["global"], "to": "rules", "max_hops": 1}],
}
_DROPPED = str.maketrans("", "", "\n=<>&|!'\"[](),{}+*/")
