"""Teams of any size, a policy of any number of rules, and the leads that come to them: all by number, and all invented.

An agent works in the hours of its zone, has skills, languages, territories and caps. A fifth of them are off hours at `NOON`, one in fifty
is paused for good. Pools are by product and are enrolled by rule, so that an agent is in two of them and in that of everybody; half of the
pools and a third of the rules ask something of who receives the lead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.router.domain import (
    Agent,
    GroupState,
    Pause,
    Policy,
    Settings,
    enrol,
    from_document,
    members_document,
    with_members,
)
from services.router.domain.meeting import profile
from shared.contracts.vocabulary import FACTS
from shared.ids import id_from

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)  # a Tuesday
PRODUCTS = ("scales", "lamps", "chairs", "desks", "doors", "tiles", "pipes", "tools", "paint")
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl", "pt")
COUNTRIES = ("DE", "FR", "GB", "ES", "IT", "NL", "PL", "PT", "AT", "CH", "BE", "US")
ZONES = ("Europe/Berlin", "Europe/Paris", "Europe/London", "Europe/Madrid", "America/New_York")
CAMPAIGNS = ("spring", "fair", "webinar", "partners", "search")
SIZES = (3, 12, 45, 120, 480, 1_500, 9_000)
_DAYS = ("mon", "tue", "wed", "thu", "fri")


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead as the router's domain asks for it."""

    lead_id: UUID
    facts: Mapping[str, Any]
    points: int
    grade: str
    qualification: str = "sales_qualified"
    scored: Mapping[str, Any] = field(default_factory=dict)


def agent_document(n: int) -> dict[str, Any]:
    """What somebody would send to make the n-th agent."""
    return {
        "name": f"Rep {n}",
        "zone": ZONES[n % len(ZONES)],
        "weight": 1 + n % 3,
        "skills": _once(PRODUCTS[n % len(PRODUCTS)], PRODUCTS[(n // 3 + 4) % len(PRODUCTS)]),
        "languages": _once(LANGUAGES[n % len(LANGUAGES)], LANGUAGES[(n // 2 + 3) % len(LANGUAGES)], "en"),
        "territories": _territories(n),
        "hours": dict.fromkeys(_DAYS, ["07:00-11:00"] if n % 5 == 3 else ["08:00-12:30", "12:30-18:30"]),
        "holidays": ["2026-12-24", "2026-12-31"] if n % 4 == 0 else [],
        "caps": {"day": 5_000, "open": 2_000, **({"hour": 4_000} if n % 3 == 0 else {})},
    }


def _territories(n: int) -> list[str]:
    country = COUNTRIES[n % len(COUNTRIES)]
    if n % 4 == 1 and country == "DE":
        return [f"DE:{n % 10}0000-{n % 10}9999", "AT"]
    return _once(country, COUNTRIES[(n // 5 + 6) % len(COUNTRIES)])


def _once(*texts: str) -> list[str]:
    return list(dict.fromkeys(texts))


def agents(count: int) -> dict[UUID, Agent]:
    """So many agents by id, with nothing open."""
    found = {}
    for n in range(count):
        agent = Agent(Settings.from_document(agent_document(n)))
        if n % 50 == 17:
            agent.pause = Pause(None, "a project")
        found[id_from(((0xA0 << 120) + n).to_bytes(16))] = agent
    return found


def policy_document(rules: int) -> dict[str, Any]:
    """A policy of so many rules, a pool a product and one for all."""
    return {
        "define": {"enterprise": "company_size >= 500", "reachable": "has_phone || email_kind == 'company'"},
        "pools": {
            "everybody": {"member_rule": "'en' in agent.languages"},
            **{product: _pool(n, product) for n, product in enumerate(PRODUCTS)},
        },
        "rules": [_rule(n) for n in range(rules)],
        "default": "everybody",
        "routed": ["sales_qualified"],
    }


def _pool(n: int, product: str) -> dict[str, Any]:
    kind = ("rotation", "rotation", "least_open")[n % 3]
    asks = {"requires": "lead.language in agent.languages"} if n % 2 else {}
    return {"member_rule": f"'{product}' in agent.skills", "strategy": {"kind": kind}, "overflow": ["everybody"], **asks}


def _rule(n: int) -> dict[str, Any]:
    requires = ({}, {}, {"requires": "agent.covers_lead"})[n % 3]
    return {"name": f"rule {n}", "when": _asks(n), "pool": PRODUCTS[n % len(PRODUCTS)], **requires}


def _asks(n: int) -> str:
    """Comparisons for the most part; two in five hold something else too, which must be evaluated. None hides a later one."""
    product, place = n % len(PRODUCTS), n // len(PRODUCTS)
    form, later = (place + product) % 5, place // 5
    two = [LANGUAGES[later % 8], LANGUAGES[(later + 1 + later // 8) % 8]]
    three = [COUNTRIES[later % 12], COUNTRIES[(later + 1 + later // 12) % 12], COUNTRIES[(later + 4) % 12]]
    return (
        f"product == '{PRODUCTS[product]}' && "
        + (
            f"country in {three}",
            f"language in {two} && company_size >= 45 && reachable",
            f"campaign == '{CAMPAIGNS[later % 5]}' && country != '{COUNTRIES[later // 5]}' && points >= 10",
            f"'tag {later}' in tags",
            f"(enterprise || job_title.contains('{('Head', 'Chief')[later % 2]}')) && language in {two}",
        )[form]
    )


def members_of(roster: Mapping[UUID, Agent]) -> dict[str, Any]:
    """Which of these agents are in each pool, as it is kept with an activated policy."""
    profiles = [profile(id, agent.settings) for id, agent in roster.items()]
    policy, problems = enrol(from_document(1, policy_document(1), facts=FACTS), profiles)
    assert not problems
    return members_document(policy)


def policy_of(rules: int, members: Mapping[str, Any]) -> Policy:
    """The policy as a replica reads it: its rules compiled, its members as they were enrolled."""
    return with_members(from_document(1, policy_document(rules), facts=FACTS), members)


@dataclass(frozen=True)
class Office:
    """So many agents, which of them are in each pool, and the group that these pools are as it opened: a replica restores its state from
    that. Whatever the rules, the pools are the same."""

    agents: int
    members: Mapping[str, Any]
    snapshot: Mapping[str, Any]


def open_office(count: int) -> Office:
    roster = agents(count)
    members = members_of(roster)
    pools = policy_of(1, members).pools.values()
    return Office(count, members, GroupState(pools, roster, now=NOON, carried={}).snapshot())


def lead(n: int) -> Lead:
    """The n-th lead; what it is about repeats after some thousands."""
    mixed = n * 2_654_435_761 % 2**32  # Knuth's multiplicative hash: no two facts go in step
    facts = {
        "source": "website",
        "product": PRODUCTS[mixed % len(PRODUCTS)],
        "country": COUNTRIES[mixed // 11 % len(COUNTRIES)],
        "postcode": f"{mixed // 7 % 100_000:05d}",
        "language": LANGUAGES[mixed // 13 % len(LANGUAGES)],
        "company_size": SIZES[mixed // 17 % len(SIZES)],
        "campaign": CAMPAIGNS[mixed // 19 % len(CAMPAIGNS)],
        "tags": [f"tag {mixed // 23 % 24}", "newsletter"],
        "job_title": ("Head of Buying", "Chief Engineer", "Buyer", "Assistant")[mixed // 29 % 4],
        "email_kind": ("company", "free")[mixed // 31 % 2],
        "has_email": True,
        "has_phone": bool(mixed // 37 % 3),
        "budget": 500 * (mixed // 41 % 100),
    }
    return Lead(id_from(((0xB0 << 120) + n).to_bytes(16)), facts, mixed // 43 % 100, "ABCD"[mixed // 47 % 4])
