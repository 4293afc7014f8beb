"""The account: what happened to leads, each as words and as values that an expectation can name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.desk import Accepted, Assigned, Breached, Ended, OfferMade, Refused, Waited, Warned
from services.router.domain.scenario.history import Told
from services.router.domain.scenario.moments import shown

Name = Callable[[UUID | None], str]


@dataclass(frozen=True, slots=True)
class Event:
    """`values` are what an expectation may name: what, lead, agent, pool, …; `text` is for a person, without the time."""

    at: datetime
    values: dict[str, Any]
    text: str

    def line(self, zone: str) -> str:
        return f"{shown(self.at, zone)}  {self.text}"


def event_of(told: Told, lead: str, agent: Name, zone: str) -> Event:
    """What was told of a lead. `lead` is its name, `agent` tells that of an agent."""
    values = {name: value for name, value in _values(told, agent).items() if value is not None}
    values = {"lead": lead, "at": told.at, **values}
    return Event(told.at, values, f"{lead} {' '.join(_words(values, zone))}")


def _values(told: Told, agent: Name) -> dict[str, Any]:
    what = told.what
    match what:
        case Assigned(decision, held, how):
            at: dict[str, Any] = {"agent": agent(held.agent_id), "pool": held.pool, "rule": held.rule}
            return {"what": "assigned", **at, "how": how.value, "why": decision.reason}
        case OfferMade(decision, offered):
            agents = [agent(one) for one in offered.offer.agents]
            at = {"agents": agents, "pool": offered.pool, "rule": offered.rule, "due": offered.offer.until}
            return {"what": "offered", **at, "why": decision.reason}
        case Waited(decision, why):
            return {"what": "queued", "pool": decision.home, "rule": decision.rule, "due": decision.until, "why": why}
        case Refused(code, why):
            return {"what": "rejected", "reason": code, "why": why}
        case Ended(held, reason):
            return {"what": "ended", "agent": agent(held.agent_id), "pool": held.pool, "reason": reason, "why": what.why}
        case Accepted(held):
            return {"what": "accepted", "agent": agent(held.agent_id), "pool": held.pool}
    return _of_promise(what, agent)


def _of_promise(what: Warned | Breached, agent: Name) -> dict[str, Any]:
    owner = agent(what.held.agent_id) if what.held else None
    values: dict[str, Any] = {"sla": what.clock.name, "agent": owner, "pool": what.held.pool if what.held else None}
    if isinstance(what, Warned):
        return {"what": "warned", **values, "step": what.step.kind.value, "due": what.due_at}
    step = what.step.kind.value if what.step else "breach"
    manager = agent(what.manager_id) if what.manager_id else None
    return {"what": "breached", **values, "step": step, "manager": manager, "due": what.at}


def _words(values: dict[str, Any], zone: str) -> Iterator[str]:
    agent, why = values.get("agent"), f": {values['why']}" if "why" in values else ""
    match values["what"]:
        case "assigned":
            rule = f" by rule {values['rule']}" if "rule" in values else ""
            yield f"assigned to {agent} in {values['pool']}{rule} ({values['how']}){why}"
        case "offered":
            yield f"offered to {', '.join(values['agents'])} in {values['pool']} until {shown(values['due'], zone)}{why}"
        case "queued":
            yield f"waits for {values['pool']}{why}"
        case "rejected":
            yield f"rejected ({values['reason']}){why}"
        case "ended":
            yield f"ended for {agent} ({values['reason']}){why}"
        case "accepted":
            yield f"accepted by {agent}"
        case "warned":
            yield f"{'reminded' if values['step'] == 'remind' else 'warned'} {agent or 'nobody'} of {values['sla']}"
            yield f"(due {shown(values['due'], zone)})"
        case "breached":
            yield f"breached {values['sla']} {'with ' + agent if agent else 'without an owner'}"
            if values["step"] != "breach" or "manager" in values:
                yield f"({values['step']}, manager {values.get('manager', 'nobody')})"
