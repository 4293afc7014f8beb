"""A policy's values as a document of the second form: what `from_document` reads back. What is at its default is left out."""

from __future__ import annotations

from typing import Any

from services.router.domain.agent import Settings
from services.router.domain.policy.document import ALWAYS, MINUTE
from services.router.domain.policy.values import (
    AGEING,
    CATCH_UP,
    Hold,
    Policy,
    Pool,
    Reroute,
    Rule,
    Sticky,
    Strategy,
    StrategyKind,
    Timetable,
)
from services.router.domain.sla import Origin, Sla
from services.router.domain.sla.levels import GRACE, HOPS


def to_document(policy: Policy) -> dict[str, Any]:
    """The policy without its version as data that JSON can carry."""
    definitions = policy.definitions.rules if policy.definitions else {}
    return _filled(
        name=policy.name,
        facts=dict(policy.facts),
        define={name: rule.text for name, rule in definitions.items()},
    ) | {
        "routed": sorted(policy.routed),
        "pools": {name: _pool(pool) for name, pool in policy.pools.items()},
        "rules": [_rule(rule) for rule in policy.rules],
        "default": policy.default_pool,
        **_filled(
            slas={name: _sla(sla) for name, sla in policy.slas.items()},
            calendars={name: _calendar(one) for name, one in policy.timetables.items()},
            reroute=[_reroute(one) for one in policy.reroute],
        ),
    }


def _pool(pool: Pool) -> dict[str, Any]:
    listed = [_filled(agent=one.agent, weight=one.weight, level=one.level) for one in pool.listed]
    named = [_filled(agent=str(one.agent_id), weight=one.weight, level=one.level) for one in pool.members]
    catch_up = {} if pool.catch_up == CATCH_UP else {"catch_up": pool.catch_up}
    return {"members": listed if pool.listed or pool.member_rule else named, **catch_up} | _filled(
        member_rule=pool.member_rule and pool.member_rule.text,
        strategy=_strategy(pool),
        requires=pool.requires and pool.requires.text,
        sticky=pool.sticky and _sticky(pool.sticky),
        overflow=list(pool.overflow),
        returns=sorted(pool.returns),
        hold=_hold(pool.hold),
        sla=list(pool.sla),
    )


def _strategy(pool: Pool) -> dict[str, Any]:
    strategy = pool.strategy
    if strategy == Strategy():
        return {}
    if strategy.kind is StrategyKind.CLAIM:
        claim = {
            "to": strategy.to or "all",
            "seconds": strategy.seconds,
            "fallback": strategy.fallback and strategy.fallback.value,
            **_filled(counts=strategy.counts),
        }
        return {"kind": "claim", **claim}
    return {"kind": strategy.kind.value, **_filled(percent=dict(pool.percent))}


def _sticky(sticky: Sticky) -> dict[str, Any]:
    return {
        "by": list(sticky.by),
        "days": sticky.days,
        "absent": sticky.absent,
        "departed": sticky.departed,
        "counts": sticky.counts,
        **_filled(hold_minutes=sticky.hold_minutes),
    }


def _hold(hold: Hold) -> dict[str, Any]:
    ageing = hold.ageing_points_per_hour
    return _unless(AGEING, ageing_points_per_hour=ageing) | _filled(promise_minutes=hold.promise_minutes)


def _rule(rule: Rule) -> dict[str, Any]:
    when = "" if rule.when.text == ALWAYS else rule.when.text
    return (
        {"name": rule.name}
        | _filled(when=when)
        | {"pool": rule.pool}
        | _filled(requires=rule.requires and rule.requires.text, sla=list(rule.sla))
    )


def _sla(sla: Sla) -> dict[str, Any]:
    return {
        "clock": sla.clock.value,
        "minutes": sla.seconds // MINUTE,
        "time": sla.time,
        **_unless(Origin.RECEIPT, origin=sla.origin),
        **_filled(
            absent=sla.absent and sla.absent.value,
            warn=list(sla.warn),
            ladder=[{"at": rung.at, "do": rung.do.value, **_filled(pool=rung.pool)} for rung in sla.ladder],
            counts=sorted(sla.counts),
        ),
        "max_hops": sla.max_hops,
        **_unless(GRACE // MINUTE, grace_minutes=sla.grace // MINUTE),
    }


def _calendar(calendar: Timetable) -> dict[str, Any]:
    written = Settings(zone=calendar.zone, hours=calendar.hours, holidays=calendar.holidays).to_document()
    return {name: written[name] for name in ("zone", "hours", "holidays") if name in written}


def _reroute(reroute: Reroute) -> dict[str, Any]:
    return {
        "when": reroute.when.text,
        **_filled(**{"from": list(reroute.sources)}),
        "to": reroute.to or "rules",
        **_unless(HOPS, max_hops=reroute.max_hops),
    }


def _unless(default: object, **parts: Any) -> dict[str, Any]:
    """For a part whose default is not the empty one."""
    return {name: part for name, part in parts.items() if part != default}


def _filled(**parts: Any) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part}
