"""Sources, agents and pools that make a router work: shared agents, caps that bite, a pool whose turns are counted, and leads for all."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx

PRODUCTS = ("pro", "basic", "team")


async def make_market(intake: httpx.AsyncClient, router: httpx.AsyncClient, *, open_cap: int = 20) -> dict[str, UUID]:
    """A source and seven agents in three pools, whose ids it returns by name.

    `fair` has weights and no caps, so that its rotation can be checked turn by turn. `east` and `west` share an agent, and all of
    theirs are capped, so that their queues fill.
    """
    _ok(await intake.post("/v1/sources", json={"name": "website"}))
    caps = {"ann": None, "bob": None, "cid": None, "dee": open_cap, "eve": open_cap, "fay": open_cap, "gus": open_cap}
    agents = {}
    for name, cap in caps.items():
        made = _ok(await router.post("/v1/agents", json={"name": name, "open_cap": cap}))
        agents[name] = UUID(made["id"])
    pools = {"fair": {"ann": 1, "bob": 2, "cid": 5}, "east": {"dee": 1, "eve": 1, "fay": 1}, "west": {"fay": 1, "gus": 3}}
    rules = [
        {"name": "basics", "when": "product == 'basic'", "pool": "east"},
        {"name": "teams", "when": "product == 'team'", "pool": "west"},
    ]
    _ok(await router.post("/v1/policies?activate=true", json=policy(pools, rules, agents, default="fair")))
    return agents


def policy(pools: dict[str, dict[str, int]], rules: list[Any], agents: dict[str, UUID], *, default: str) -> dict[str, Any]:
    shown = {
        pool: {"members": [{"agent_id": str(agents[name]), "weight": weight} for name, weight in members.items()]}
        for pool, members in pools.items()
    }
    return {"pools": shown, "rules": rules, "default": default}


def lead(n: int) -> dict[str, Any]:
    """The n-th lead, from a person of its own: its product decides its pool. `n` is below 10,000."""
    return {
        "source": "website",
        "first_name": f"Person {n}",
        "email": f"person{n}@company{n % 50}.example",
        "phone": f"+1415555{n:04d}",
        "country": "US",
        "product": PRODUCTS[n % len(PRODUCTS)],
        "budget": 20000,
    }


def _ok(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.status_code}: {answer.text}"
    return answer.json()
