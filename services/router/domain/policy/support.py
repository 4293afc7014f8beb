"""What of a policy the decision core does today. The rest can be written, drafted and linted; it cannot be activated."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from services.router.domain.policy.values import Hold, Policy, Pool, StrategyKind
from shared.rules import Problem
from shared.rules.definitions import escape


class Feature(StrEnum):
    """Parts of a policy that the core must act on."""

    FEWEST = "fewest"
    LEAST_OPEN = "least_open"
    MOST_SPARE = "most_spare"
    CLAIM = "claim"
    WATERFALL = "waterfall"
    SHARE = "share"
    REQUIRES = "requires"
    STICKY = "sticky"
    OVERFLOW = "overflow"
    RETURNS = "returns"
    HOLD = "hold"
    SLA = "sla"
    REROUTE = "reroute"
    CALENDARS = "calendars"
    NEEDS_PRESENCE = "needs_presence"


SUPPORTED: frozenset[Feature] = frozenset(
    (
        Feature.FEWEST,
        Feature.LEAST_OPEN,
        Feature.MOST_SPARE,
        Feature.WATERFALL,
        Feature.SHARE,
        Feature.REQUIRES,
        Feature.OVERFLOW,
        Feature.RETURNS,
    )
)


def unsupported(policy: Policy, supported: frozenset[Feature] = SUPPORTED) -> list[Problem]:
    """An error for each part that the core would pass over."""
    return [
        Problem(path, f"{feature} is not supported yet: the router would pass over it")
        for path, feature in _used(policy)
        if feature not in supported
    ]


def _used(policy: Policy) -> Iterator[tuple[str, Feature]]:
    for name, pool in policy.pools.items():
        yield from _used_by_pool(pool, f"/pools/{escape(name)}")
    for rule in policy.rules:
        if rule.requires:
            yield f"{rule.path}/requires", Feature.REQUIRES
        if rule.sla:
            yield f"{rule.path}/sla", Feature.SLA
    for name in policy.timetables:
        yield f"/calendars/{escape(name)}", Feature.CALENDARS
    for reroute in policy.reroute:
        yield reroute.path, Feature.REROUTE


def _used_by_pool(pool: Pool, path: str) -> Iterator[tuple[str, Feature]]:
    kind = pool.strategy.kind
    if kind is not StrategyKind.ROTATION:
        yield f"{path}/strategy/kind", Feature(kind.value)
    parts = {
        Feature.REQUIRES: pool.requires,
        Feature.STICKY: pool.sticky,
        Feature.OVERFLOW: pool.overflow,
        Feature.RETURNS: pool.returns,
        Feature.HOLD: pool.hold != Hold(),
        Feature.SLA: pool.sla,
        Feature.NEEDS_PRESENCE: pool.needs_presence,
    }
    yield from ((f"{path}/{feature}", feature) for feature, part in parts.items() if part)
