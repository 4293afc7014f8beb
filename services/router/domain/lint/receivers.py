"""Pools nobody can receive from, as the agents are set up now. A warning: agents change without the policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from services.router.domain.lint.comparing import holds
from services.router.domain.policy import COVERS, Policy, Pool, Profile, Requirement
from shared.rules import Problem
from shared.rules.definitions import escape

WAITS = "its leads will wait in the queue"


def receivers(policy: Policy, profiles: Iterable[Profile]) -> Iterator[Problem]:
    """Of a policy whose members are enrolled."""
    by_id = {profile.id: profile for profile in profiles}
    able = {name: _able(pool, by_id) for name, pool in policy.pools.items()}
    for name, pool in policy.pools.items():
        yield from _of_pool(pool, able[name], by_id, f"/pools/{escape(name)}")
    for rule in policy.rules:
        members = able.get(rule.pool)
        if rule.requires and members and not _meeting(members, rule.requires):
            yield Problem(f"{rule.path}/requires", f"nobody in pool {rule.pool} meets it: {WAITS}", "warning")


def without_members(policy: Policy) -> Iterator[Problem]:
    """Where the agents are not known: pools that name nobody."""
    for name, pool in policy.pools.items():
        if not (pool.listed or pool.members or pool.member_rule):
            yield Problem(f"/pools/{escape(name)}/members", f"has no members: {WAITS}", "warning")


def _able(pool: Pool, by_id: Mapping[UUID, Profile]) -> list[Profile]:
    """The members who can receive at some time."""
    found = (by_id[member.agent_id] for member in pool.members if member.agent_id in by_id)
    return [profile for profile in found if profile.never is None]


def _of_pool(pool: Pool, able: Sequence[Profile], by_id: Mapping[UUID, Profile], path: str) -> Iterator[Problem]:
    where = f"{path}/member_rule" if pool.member_rule and not pool.listed else f"{path}/members"
    if not pool.members:
        why = "nobody meets it" if where.endswith("member_rule") else "has no members"
        yield Problem(where, f"{why}: {WAITS}", "warning")
    elif not able:
        first = next((by_id[one.agent_id] for one in pool.members if one.agent_id in by_id), None)
        why = f"{first.name} {first.never}" if first and len(pool.members) == 1 else "no member can ever receive"
        yield Problem(where, f"{why}: {WAITS}", "warning")
    elif pool.requires and not _meeting(able, pool.requires):
        yield Problem(f"{path}/requires", f"nobody in this pool meets it: {WAITS}", "warning")
    if pool.percent and any(member.percent == 0 for member in pool.members):
        yield Problem(f"{path}/strategy/percent", "leaves out members, who will receive nothing", "warning")


def _meeting(profiles: Iterable[Profile], requires: Requirement) -> list[Profile]:
    """Those who may meet it for some lead: who meet all of it that asks only the agent."""
    asked = [one for one in requires.rule.conjuncts if one.name.startswith("agent.") and one.name != COVERS]
    return [profile for profile in profiles if all(holds(profile.facts[one.name], one) for one in asked)]
