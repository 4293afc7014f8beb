"""What must be there before the first lead: sources, agents, what they are scored by, a policy. What the demo made before is used again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.commands.demo.interface import DemoFailed, Interface
from services.commands.demo.sample import Routes, Sample


async def set_up(api: Interface, sample: Sample) -> dict[str, str]:
    """Makes what is missing; returns the hook address of each of the sample's sources.

    Raises DemoFailed in an installation with a policy of its own: the demo does not replace it.
    """
    active = (await api.get("/v1/policies/active"))["document"]
    known = sample.policy.pools.keys() <= active["pools"].keys()
    if not known and _is_somebodys(active):
        raise DemoFailed("this folder's installation has pools and rules of its own; play the demo in another: --data FOLDER")
    hooks = await _sources(api, sample)
    agents = await _agents(api, sample)
    if not known:
        await _use_documents(api, sample)
        await api.post("/v1/policies?activate=true", _document(sample.policy, agents))
    return hooks


async def _use_documents(api: Interface, sample: Sample) -> None:
    """What leads are scored and judged by. Marketing and sales both agree to the second, as whom the demo speaks."""
    card = (await api.post("/v1/scorecards", sample.scorecard))["version"]
    await api.post(f"/v1/scorecards/{card}/activate")
    definition = (await api.post("/v1/qualifications", sample.qualification))["version"]
    for side in ("marketing", "sales"):
        await api.post(f"/v1/qualifications/{definition}/approve", {"side": side})
    await api.post(f"/v1/qualifications/{definition}/activate")


def _is_somebodys(policy: Mapping[str, Any]) -> bool:
    return bool(policy["rules"]) or any(pool["members"] for pool in policy["pools"].values())


async def _sources(api: Interface, sample: Sample) -> dict[str, str]:
    known = {source["name"]: source["id"] async for source in api.items("/v1/sources")}
    hooks = {}
    for source in sample.sources:
        # Only a new address is ever shown, so a source that is there already gets one.
        found = known.get(source["name"])
        made = await (api.post(f"/v1/sources/{found}/token") if found else api.post("/v1/sources", source))
        hooks[source["name"]] = made["hook"]
    return hooks


async def _agents(api: Interface, sample: Sample) -> dict[str, str]:
    known = {agent["name"]: agent["id"] async for agent in api.items("/v1/agents")}
    for agent in sample.agents:
        if agent["name"] not in known:
            known[agent["name"]] = (await api.post("/v1/agents", agent))["id"]
    return known


def _document(policy: Routes, agents: Mapping[str, str]) -> dict[str, Any]:
    pools = {
        name: {"members": [{"agent_id": agents[agent], "weight": weight} for agent, weight in members.items()]}
        for name, members in policy.pools.items()
    }
    return {"pools": pools, "rules": policy.rules, "default": policy.default, "routed": policy.routed}
