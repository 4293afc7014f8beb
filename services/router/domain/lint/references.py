"""What a policy's parts say of one another: pools, service levels and names that are not there, circles, parts that do not fit together.

Looks at the document and not at the values, in which what could not be compiled is missing. Of service levels nothing can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.router.domain.policy.document import agent_id
from services.router.domain.policy.shape import nearby
from services.router.domain.sla import WALL, WORKING, Origin, Sla, SlaClock, lint_sla
from shared.rules import Problem
from shared.rules.definitions import escape

Document = Mapping[str, Any]


def references(document: Document, slas: Mapping[str, Sla]) -> Iterator[Problem]:
    """All problems between the parts of a document whose shape is right, with the service levels that were read from it."""
    pools = document["pools"]
    for name, pool in pools.items():
        yield from _of_pool(pool, f"/pools/{escape(name)}", document)
    yield from _circles({name: [one for one in pool.get("overflow", []) if one in pools] for name, pool in pools.items()})
    yield from _of_rules(document)
    for name, sla in document.get("slas", {}).items():
        path = f"/slas/{escape(name)}"
        yield from lint_sla(slas[name], path)
        yield from _of_sla(sla, path, document)
    yield from _of_calendars(document.get("calendars", {}))
    for index, reroute in enumerate(document.get("reroute", [])):
        path = f"/reroute/{index}"
        for place, pool in enumerate(reroute.get("from", [])):
            yield from _known(pool, pools, "pool", f"{path}/from/{place}")
        yield from _known(reroute["to"], {"rules", *pools}, "pool", f"{path}/to")
    yield from _known(document["default"], pools, "pool", "/default")
    yield from _unused(document)


def _of_pool(pool: Document, path: str, document: Document) -> Iterator[Problem]:
    for index, member in enumerate(pool.get("members", [])):
        yield from _of_member(member, f"{path}/members/{index}")
    for index, other in enumerate(pool.get("overflow", [])):
        yield from _known(other, document["pools"], "pool", f"{path}/overflow/{index}")
    yield from _slas(pool, path, document)
    percent = pool.get("strategy", {}).get("percent")
    if percent is not None and sum(percent.values()) != 100:
        yield Problem(f"{path}/strategy/percent", f"adds up to {sum(percent.values())}, not to 100")


def _of_member(member: Document, path: str) -> Iterator[Problem]:
    if "agent" in member and "agent_id" in member:
        yield Problem(f"{path}/agent_id", "names the agent a second time: keep one of the two")
    elif "agent" not in member and "agent_id" not in member:
        yield Problem(f"{path}/agent", "is missing: an agent's name or id")
    elif not agent_id(member.get("agent_id", "0" * 32)):
        yield Problem(f"{path}/agent_id", "must be an agent's id (a UUID)")


def _of_rules(document: Document) -> Iterator[Problem]:
    seen = set()
    for index, rule in enumerate(document.get("rules", [])):
        path = f"/rules/{index}"
        if rule["name"] in seen:
            yield Problem(f"{path}/name", "is the name of an earlier rule")
        seen.add(rule["name"])
        yield from _known(rule["pool"], document["pools"], "pool", f"{path}/pool")
        yield from _slas(rule, path, document)


def _slas(part: Document, path: str, document: Document) -> Iterator[Problem]:
    known = document.get("slas", {})
    if isinstance(found := part.get("sla", []), str):
        yield from _known(found, known, "sla", f"{path}/sla")
    else:
        for index, name in enumerate(found):
            yield from _known(name, known, "sla", f"{path}/sla/{index}")


def _of_sla(sla: Document, path: str, document: Document) -> Iterator[Problem]:
    yield from _known(sla.get("time", WORKING), {WORKING, WALL, *document.get("calendars", {})}, "calendar", f"{path}/time")
    if sla.get("origin") == Origin.RECEIPT and sla["clock"] != SlaClock.FIRST_RESPONSE:
        yield Problem(
            f"{path}/origin", f"belongs to `{SlaClock.FIRST_RESPONSE}`: the clock of `{sla['clock']}` begins with an owner"
        )
    for index, rung in enumerate(sla.get("ladder", [])):
        if "pool" in rung:
            yield from _known(rung["pool"], document["pools"], "pool", f"{path}/ladder/{index}/pool")


def _of_calendars(calendars: Mapping[str, Document]) -> Iterator[Problem]:
    for name, calendar in calendars.items():
        path = f"/calendars/{escape(name)}"
        if name in (WORKING, WALL):
            yield Problem(path, f"is a name that `time` has a meaning for already: {WORKING} and {WALL} are no calendars")
        if "hours" in calendar and not any(calendar["hours"].values()):
            yield Problem(f"{path}/hours", "hold no time at all: what is promised by them would never fall due")


def _known(name: str, known: Iterable[str], what: str, path: str) -> Iterator[Problem]:
    if name not in known:
        yield Problem(path, f"there is no {what} {name}{nearby(name, known)}")


def _circles(overflow: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Each circle once, named from its first pool in the document's order. Depth first, without recursion: chains may be long."""
    done: set[str] = set()
    for start in overflow:
        way: dict[str, Iterator[str]] = {}
        if start not in done:
            way[start] = iter(overflow[start])
        while way:
            here = next(reversed(way))
            onward = next(way[here], None)
            if onward is None:
                done.add(here)
                del way[here]
            elif onward in way:
                names = list(way)
                circle = [*names[names.index(onward) :], onward]
                place = overflow[here].index(onward)
                yield Problem(f"/pools/{escape(here)}/overflow/{place}", f"leads go round in a circle: {' -> '.join(circle)}")
            elif onward not in done:
                way[onward] = iter(overflow[onward])


def _unused(document: Document) -> Iterator[Problem]:
    pools = document["pools"].values()
    used = {document["default"], *(rule["pool"] for rule in document.get("rules", []))}
    used |= {other for pool in pools for other in pool.get("overflow", [])} | {one["to"] for one in document.get("reroute", [])}
    used |= {rung.get("pool") for sla in document.get("slas", {}).values() for rung in sla.get("ladder", [])}
    for name in document["pools"]:
        if name not in used:
            yield Problem(f"/pools/{escape(name)}", "no rule sends a lead here", "warning")
    asked = {name for part in (*pools, *document.get("rules", [])) for name in _listed(part.get("sla", []))}
    for name in document.get("slas", {}):
        if name not in asked:
            yield Problem(f"/slas/{escape(name)}", "no pool and no rule asks for it", "warning")
    kept = {sla.get("time") for sla in document.get("slas", {}).values()}
    for name in document.get("calendars", {}):
        if name not in kept:
            yield Problem(f"/calendars/{escape(name)}", "no service level goes by it", "warning")


def _listed(found: str | Sequence[str]) -> Sequence[str]:
    return [found] if isinstance(found, str) else found
