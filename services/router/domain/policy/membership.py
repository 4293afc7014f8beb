"""Who is in each pool: those whom its document names, and those who meet its member rule. Settled when a policy is activated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.router.domain.policy.document import agent_id
from services.router.domain.policy.facts import Profile
from services.router.domain.policy.shape import nearby
from services.router.domain.policy.values import Listed, Member, Policy, Pool
from shared.ids import id_of
from shared.rules import Problem
from shared.rules.definitions import escape


def enrol(policy: Policy, profiles: Iterable[Profile]) -> tuple[Policy, list[Problem]]:
    """The policy with the members that its pools have among these agents, and whom it names in vain.

    A member without a weight or level of its own has the agent's. Who is listed comes first, as listed; then, by id, who meets the rule.
    """
    roster = _Roster(profiles)
    problems: list[Problem] = []
    pools = {name: roster.enrol(pool, f"/pools/{escape(name)}", problems) for name, pool in policy.pools.items()}
    return replace(policy, pools=pools), problems


def members_document(policy: Policy) -> dict[str, Any]:
    """Who is in each pool, as data that JSON can carry; `with_members` reads it back."""
    return {name: [_member_document(member) for member in pool.members] for name, pool in policy.pools.items()}


def with_members(policy: Policy, document: Mapping[str, Any]) -> Policy:
    """The policy with the members that it had when it was activated."""
    pools = {
        name: replace(
            pool, members=tuple(Member(**{**one, "agent_id": id_of(one["agent_id"])}) for one in document.get(name, []))
        )
        for name, pool in policy.pools.items()
    }
    return replace(policy, pools=pools)


def _member_document(member: Member) -> dict[str, Any]:
    document = {"agent_id": str(member.agent_id), "weight": member.weight, "level": member.level}
    return {**document, "percent": member.percent} if member.percent else document


class _Roster:
    """The agents that there are, by id and by name."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._by_id = {profile.id: profile for profile in sorted(profiles, key=lambda one: one.id)}
        self._by_name: dict[str, list[Profile]] = {}
        for profile in self._by_id.values():
            self._by_name.setdefault(profile.name, []).append(profile)

    def enrol(self, pool: Pool, path: str, problems: list[Problem]) -> Pool:
        members: dict[UUID, Member] = {}
        for listed in pool.listed:
            if not listed.agent:
                continue  # lint names it
            found = self._find(listed.agent)
            if isinstance(found, str):
                problems.append(Problem(listed.path, found))
            elif found.id in members:
                problems.append(Problem(listed.path, "is in this pool already"))
            else:
                members[found.id] = _member(found, listed)
        for profile in self._meeting(pool):
            members.setdefault(profile.id, Member(profile.id, profile.weight, profile.level))
        percent = self._percent(pool, path, members.keys(), problems)
        return replace(
            pool,
            members=tuple(
                replace(one, percent=percent[one.agent_id]) if one.agent_id in percent else one for one in members.values()
            ),
        )

    def _meeting(self, pool: Pool) -> Iterator[Profile]:
        if rule := pool.member_rule:
            yield from (profile for profile in self._by_id.values() if rule.met(profile))

    def _find(self, agent: str) -> Profile | str:
        """The agent of this id or name, or why there is none."""
        if id := agent_id(agent):
            return self._by_id.get(id) or f"there is no agent {agent}"
        named = self._by_name.get(agent, ())
        if len(named) == 1:
            return named[0]
        if named:
            return f"{len(named)} agents are called {agent}: write the id"
        return f"there is no agent {agent}{nearby(agent, self._by_name)}"

    def _percent(self, pool: Pool, path: str, members: Iterable[UUID], problems: list[Problem]) -> dict[UUID, int]:
        known = set(members)
        shares: dict[UUID, int] = {}
        for agent, percent in pool.percent:
            at = f"{path}/strategy/percent/{escape(agent)}"
            found = self._find(agent)
            if isinstance(found, str):
                problems.append(Problem(at, found))
            elif found.id not in known:
                problems.append(Problem(at, f"{agent} is no member of this pool"))
            else:
                shares[found.id] = shares.get(found.id, 0) + percent
        return shares


def _member(profile: Profile, listed: Listed) -> Member:
    weight = profile.weight if listed.weight is None else listed.weight
    return Member(profile.id, weight, profile.level if listed.level is None else listed.level)


def joined_and_left(before: Policy, after: Policy) -> Mapping[str, tuple[Sequence[UUID], Sequence[UUID]]]:
    """By pool who is new in it and who is no more in it, ordered by id; pools without a change are left out."""
    changes = {}
    for name in sorted({*before.pools, *after.pools}):
        old, new = (_ids(policy.pools.get(name)) for policy in (before, after))
        if old != new:
            changes[name] = (sorted(new - old), sorted(old - new))
    return changes


def _ids(pool: Pool | None) -> set[UUID]:
    return {member.agent_id for member in pool.members} if pool else set()
