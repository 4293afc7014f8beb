"""What must have come of a scenario by now, a function an expectation: each says what was expected and what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from services.router.domain.availability import availability, copy_calendars, days_off
from services.router.domain.desk.promises import calendars_of
from services.router.domain.lead import Case
from services.router.domain.rotation import PARTS
from services.router.domain.scenario.account import Event, event_of
from services.router.domain.scenario.comparing import NOBODY, agrees, compared, listed, number, within
from services.router.domain.scenario.explaining import why_not
from services.router.domain.scenario.history import Decided
from services.router.domain.scenario.moments import shown
from services.router.domain.scenario.play import Play
from services.router.domain.scenario.values import Check, Document, InvalidScenario
from services.router.domain.sla import status
from shared.rules import Problem
from shared.rules.definitions import escape


def check(play: Play, then: Document, path: str) -> Iterator[Check]:
    """Holds what is expected against what is. Raises InvalidScenario for a name that there is not."""
    for name, value in then.items():
        yield from _EXPECTED[name](play, value, f"{path}/{name}")


# -- Leads -----------------------------------------------------------------------------------------------------------------------


def _owners(play: Play, value: Document, path: str) -> Iterator[Check]:
    for name, wanted in value.items():
        at = f"{path}/{escape(name)}"
        found = _owner(play, play.lead(name, at))
        allowed = wanted if isinstance(wanted, list) else [wanted]
        for one in allowed:
            if one is not None:
                play.agent(one, at)
        text = " or ".join(one or NOBODY for one in allowed)
        yield Check(
            at, f"owner of {name}", found in [one or NOBODY for one in allowed], text, f"{found} ({_place(play.lead(name, at))})"
        )


def _owner(play: Play, lead: Case) -> str:
    return play.world.people.name(lead.held.agent_id) if lead.held else NOBODY


def _place(lead: Case) -> str:
    for word, place in (("in", lead.held), ("waits for", lead.queued), ("on offer in", lead.offered)):
        if place:
            return f"{word} {place.pool}"
    return lead.status


def _status(play: Play, value: Document, path: str) -> Iterator[Check]:
    for name, wanted in value.items():
        at = f"{path}/{escape(name)}"
        found = play.lead(name, at).status
        yield Check(at, f"status of {name}", found == wanted, wanted, found)


def _waits(play: Play, value: Any, path: str) -> Iterator[Check]:
    if isinstance(value, list):
        found = sorted(play.name_of(lead.lead_id) for lead in play.world.waiting())
        for name in value:
            play.lead(name, path)
        yield Check(path, "who waits", found == sorted(value), listed(sorted(value)), listed(found))
        return
    for name, wanted in value.items():
        at = f"{path}/{escape(name)}"
        yield _wait(play, play.lead(name, at), {"pool": wanted} if isinstance(wanted, str) else wanted, at, name)


def _wait(play: Play, lead: Case, wanted: Document | None, path: str, name: str) -> Check:
    if wanted is None or lead.queued is None:
        about, place = f"whether {name} waits", _place(lead)
        expected = "does not wait" if wanted is None else "waits"
        return Check(path, about, (wanted is None) == (lead.queued is None), expected, place)
    decided = play.world.history.of(lead.lead_id)
    why = decided[-1].made.why if decided else "it waited before the scenario began"
    found = {"pool": lead.queued.pool, "why": why, "until": lead.queued.until}
    return compared(play, f"what {name} waits for", wanted, found, path)


def _queue(play: Play, value: Document, path: str) -> Iterator[Check]:
    for pool, wanted in value.items():
        found = [play.name_of(lead.lead_id) for lead in play.world.in_line() if lead.queued and lead.queued.pool == pool]
        yield Check(f"{path}/{escape(pool)}", f"the queue of {pool}", found == wanted, listed(wanted), listed(found))


def _offered_to(play: Play, value: Document, path: str) -> Iterator[Check]:
    for name, wanted in value.items():
        at = f"{path}/{escape(name)}"
        lead = play.lead(name, at)
        found = sorted(play.world.people.name(one) for one in lead.offered.offer.open_to) if lead.offered else []
        names = sorted([wanted] if isinstance(wanted, str) else wanted or [])
        yield Check(at, f"to whom {name} is on offer", found == names, listed(names), listed(found))


def _rejected(play: Play, value: Document, path: str) -> Iterator[Check]:
    for name, wanted in value.items():
        at = f"{path}/{escape(name)}"
        lead = play.lead(name, at)
        is_rejected = lead.status == "rejected"
        said = [one.values["why"] for one in _events(play) if one.values["lead"] == name and one.values["what"] == "rejected"]
        found = str(said[-1]) if is_rejected else f"not: {_place(lead)}"
        passed = is_rejected == bool(wanted) and (not isinstance(wanted, str) or wanted in found)
        expected = f"rejected: …{wanted}…" if isinstance(wanted, str) else "rejected" if wanted else "not rejected"
        yield Check(at, f"whether {name} is rejected", passed, expected, found)


# -- Agents ----------------------------------------------------------------------------------------------------------------------


def _counts(play: Play, value: Document, path: str) -> Iterator[Check]:
    for name, wanted in value.items():
        at = f"{path}/{escape(name)}"
        agent = play.agent(name, at)
        parts: Document = {"received": wanted} if isinstance(wanted, int) else wanted
        if "min" in parts or "max" in parts:
            parts = {"received": {one: parts[one] for one in ("min", "max") if one in parts}, **parts}
        for what, count in (("received", play.world.history.received(agent.id)), ("open", play.world.history.holds(agent.id))):
            if what in parts:
                yield Check(at, f"how many {name} {_HAS[what]}", within(count, parts[what]), number(parts[what]), str(count))


_HAS = {"received": "received", "open": "holds"}


def _availability(play: Play, value: Sequence[Document], path: str) -> Iterator[Check]:
    for index, wanted in enumerate(value):
        at = f"{path}/{index}"
        person = play.agent(wanted["agent"], f"{at}/agent")
        moment = play.moment(wanted.get("at", "now"), f"{at}/at")
        agent = _as_known(play, person.id)
        found = availability(agent, moment)
        values = {"available": found.available, "gate": found.gate and found.gate.value, "until": found.until, "text": found.text}
        asked = {name: one for name, one in wanted.items() if name not in ("agent", "at")}
        yield compared(play, f"whether {wanted['agent']} can receive at {shown(moment, play.scenario.zone)}", asked, values, at)


def _as_known(play: Play, id: Any) -> Any:
    """The agent as its group knows it; one in no group as it was described."""
    group = play.world.active.group_of_agent.get(id)
    if group is not None:
        return play.world.states[group].agent(id)
    agent = play.world.people.by_id[id].agent()
    names = agent.settings.holidays
    agent.days_off = days_off(names, copy_calendars(names, play.world.now.year))
    return agent


def _statement(play: Play, value: Sequence[Document], path: str) -> Iterator[Check]:
    """Turns with two decimals: what the agent was entitled to in a pool, what it received, and the difference."""
    for index, wanted in enumerate(value):
        at = f"{path}/{index}"
        agent, pool = play.agent(wanted["agent"], f"{at}/agent"), wanted["pool"]
        group = play.world.active.group_of_pool.get(pool)
        if group is None or agent.id not in play.world.states[group].pool(pool).turns:
            raise InvalidScenario([Problem(f"{at}/pool", f"{wanted['agent']} is in no pool {pool}")])
        state = play.world.states[group]
        state.roll(play.world.now)
        found = state.statement(pool, agent.id)
        values = {"entitled": _turns(found.entitled), "received": found.received, "difference": _turns(found.difference)}
        asked = {name: one for name, one in wanted.items() if name in values or name == "text"}
        yield compared(play, f"statement of {wanted['agent']} in {pool}", asked, {**values, "text": found.text}, at)


def _turns(parts: int) -> float:
    return round(parts / PARTS, 2)


# -- Promises and decisions ------------------------------------------------------------------------------------------------------


def _deadlines(play: Play, value: Document, path: str) -> Iterator[Check]:
    for name, slas in value.items():
        lead = play.lead(name, f"{path}/{escape(name)}")
        desk = play.world.open([lead])
        clocks, calendars = {clock.name: clock for clock in lead.clocks}, calendars_of(desk, lead)
        for sla, wanted in slas.items():
            at, about = f"{path}/{escape(name)}/{escape(sla)}", f"promise {sla} of {name}"
            clock = clocks.get(sla)
            if wanted is None or clock is None:
                text = "none" if wanted is None else "one"
                yield Check(at, about, (wanted is None) == (clock is None), text, "none" if clock is None else "one")
                continue
            breaks = play.world.deadlines.get((lead.lead_id, sla))
            values = {"due": breaks, "status": status(clock, calendars, play.world.now).state.value}
            yield compared(play, about, {"due": wanted} if isinstance(wanted, str) else wanted, values, at)


def _decisions(play: Play, value: Document, path: str) -> Iterator[Check]:
    for name, wanted in value.items():
        at = f"{path}/{escape(name)}"
        decided = _chosen(play, play.lead(name, at), wanted.get("number"), at)
        values = _decision(play, decided)
        asked = {one: part for one, part in wanted.items() if one != "number"}
        yield compared(play, f"decision on {name}", asked, values, at)


def _decision(play: Play, decided: Decided) -> dict[str, Any]:
    made = decided.made
    decision = made.decision
    queued = made.outcome.value == "queued"
    return {
        "outcome": made.outcome.value,
        "rule": decision.rule,
        "pool": decision.home if queued else decision.pool,
        "via": None if queued else decision.via,
        "agent": None if queued or not decision.agent_id else play.world.people.name(decision.agent_id),
        "why": made.why,
        "eligible": decision.eligible,
        "stopped": {gate.value: count for gate, count in decision.stopped.items()},
        "failed": list(decision.failed),
    }


def _why_not(play: Play, value: Sequence[Document], path: str) -> Iterator[Check]:
    for index, wanted in enumerate(value):
        at = f"{path}/{index}"
        agent = play.agent(wanted["agent"], f"{at}/agent")
        decided = _chosen(play, play.lead(wanted["lead"], f"{at}/lead"), wanted.get("decision"), at)
        found = why_not(play.world, decided, agent.id)
        values = {"verdict": found.verdict.value, "gate": found.gate and found.gate.value, "text": found.text}
        asked = {name: one for name, one in wanted.items() if name in values}
        yield compared(play, f"why {wanted['agent']} did not get {wanted['lead']}", asked, values, at)


def _chosen(play: Play, lead: Case, number: int | None, path: str) -> Decided:
    decided = play.world.history.of(lead.lead_id)
    if not decided or (number or 1) > len(decided):
        raise InvalidScenario([Problem(path, f"the lead has {len(decided)} decisions by then")])
    return decided[(number or len(decided)) - 1]


# -- Happenings ------------------------------------------------------------------------------------------------------------------


def _happened(play: Play, value: Sequence[Any], path: str) -> Iterator[Check]:
    """In this order; others may lie between."""
    events = iter(_events(play))
    for index, wanted in enumerate(value):
        at = f"{path}/{index}"
        found = next((event for event in events if _is(play, event, wanted, at)), None)
        yield Check(
            at,
            "what happened",
            found is not None,
            _wanted(wanted),
            found.text if found else "did not happen, or not in this order",
        )
        if found is None:
            return


def _never(play: Play, value: Sequence[Any], path: str) -> Iterator[Check]:
    for index, wanted in enumerate(value):
        at = f"{path}/{index}"
        found = next((event for event in _events(play) if _is(play, event, wanted, at)), None)
        yield Check(
            at, "what must not happen", found is None, f"never: {_wanted(wanted)}", found.text if found else "did not happen"
        )


def _events(play: Play) -> list[Event]:
    people, zone = play.world.people, play.scenario.zone
    return [event_of(told, play.name_of(told.lead_id), people.name, zone) for told in play.world.history.told]


def _is(play: Play, event: Event, wanted: Any, path: str) -> bool:
    if isinstance(wanted, str):
        return wanted in event.text
    return all(agrees(play, name, one, event.values.get(name), path) for name, one in wanted.items())


def _wanted(wanted: Any) -> str:
    return wanted if isinstance(wanted, str) else ", ".join(f"{name}: {one}" for name, one in wanted.items())


_EXPECTED: dict[str, Callable[[Play, Any, str], Iterator[Check]]] = {
    "owners": _owners,
    "status": _status,
    "counts": _counts,
    "waits": _waits,
    "queue": _queue,
    "offered_to": _offered_to,
    "rejected": _rejected,
    "deadlines": _deadlines,
    "happened": _happened,
    "never": _never,
    "why_not": _why_not,
    "availability": _availability,
    "statement": _statement,
    "decisions": _decisions,
}
