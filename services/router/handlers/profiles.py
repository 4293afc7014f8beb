"""The agents as a policy asks for them, and how scoring has qualified leads: what a policy is held against before it is active."""

from __future__ import annotations

from services.router import store
from services.router.domain import Policy, Profile, Settings, agent_id
from shared.db.uow import Row, UnitOfWork

NEWEST = 5_000  # leads that are asked how they were qualified
ALWAYS_THERE = frozenset({"insufficient", "disqualified"})  # what scoring says where no level is met


async def profiles_for(uow: UnitOfWork, policy: Policy) -> list[Profile]:
    """The agents of `rows_for` as conditions ask for them."""
    return [profile_of(row) for row in await rows_for(uow, policy)]


async def rows_for(uow: UnitOfWork, policy: Policy) -> list[Row]:
    """All agents, where the policy names some or has a rule for members; else those whose ids it has."""
    listed = [one.agent for pool in policy.pools.values() for one in pool.listed]
    ids = {id for text in listed if (id := agent_id(text))}
    by_id_only = all(agent_id(text) for text in listed) and not any(pool.member_rule for pool in policy.pools.values())
    return list((await store.agents_by_id(uow, ids)).values()) if by_id_only else await store.every_agent(uow)


async def qualifications_given(uow: UnitOfWork) -> frozenset[str]:
    """Empty where no lead was scored yet."""
    seen = await store.qualifications_seen(uow, NEWEST)
    return frozenset(seen | ALWAYS_THERE) if seen else frozenset()


def profile_of(row: Row) -> Profile:
    settings = Settings.from_document(row["settings"])
    return Profile(
        row["id"],
        settings.name,
        settings.kind,
        settings.weight,
        settings.level,
        settings.skills,
        settings.languages,
        settings.tags,
        never=_never(settings),
    )


def _never(settings: Settings) -> str | None:
    """Why the agent cannot ever receive while it is set up like this."""
    if not settings.active:
        return "is not active"
    if 0 in (settings.caps.hour, settings.caps.day, settings.caps.week, settings.caps.month, settings.caps.open):
        return "has a cap of 0"
    return "has no working hours" if settings.hours is not None and not any(settings.hours) else None
