"""What happened, in one sentence for a person. Holds no contact data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from services.tracker.domain.timeline import CORRECTED, RECOGNISED


def summary(type_: str, data: Mapping[str, Any]) -> str:
    """One sentence for a person. Holds no contact data. An event of a kind not known here is called by its name."""
    sentence = SENTENCES.get(type_)
    return sentence(data) if sentence else f"{type_}."


def _scored(data: Mapping[str, Any]) -> str:
    reasons = ", ".join(f"{reason['text']} {_worth(reason):+g}" for reason in data["reasons"])
    missing = (
        f", for want of {', '.join(data['missing'])}" if data.get("missing") and data.get("outcome") == "insufficient" else ""
    )
    why = f" ({reasons})" if reasons else ""
    again = " again" if data.get("changed") else ""
    override = data.get("override")
    by = f", as {override['by']} set it" if override else ""
    return f"Scored{again} {data['points']}, grade {data['grade']}: {data['qualification']}{missing}{by}{why}."


def _worth(reason: Mapping[str, Any]) -> float:
    """Points with their decimals, which only newer scores have."""
    hundredths = reason.get("hundredths")
    return hundredths / 100 if hundredths else float(reason["points"])


def _offered(data: Mapping[str, Any]) -> str:
    agents = len(data["agents"])
    lasts = span(_seconds(data["offered_at"], data["until"]))
    return f"Offered to {agents} agent{'' if agents == 1 else 's'} in {data['pool']} for {lasts}: {data['why']}"


def _assigned(data: Mapping[str, Any]) -> str:
    given = GIVEN.get(data.get("how", "decided"), "Assigned to")
    return f"{given} {data['agent_name']} in {data['pool']}: {data['why']}"


def _queued(data: Mapping[str, Any]) -> str:
    until = data.get("waits_until")
    longest = f", for {span(_seconds(data['queued_at'], until))} by the calendars" if until else ""
    return f"Waits in the queue of {data['pool']}{longest}: {data['why']}"


def _accepted(data: Mapping[str, Any]) -> str:
    seconds = data.get("seconds")
    return f"Accepted by {data['by']}{'' if seconds is None else f', {span(seconds)} after assignment'}."


def _assignment_ended(data: Mapping[str, Any]) -> str:
    by = f" by {data['by']}" if data.get("by") else ""
    why = f": {data['why'].rstrip('.')}" if data.get("why") else ""
    return f"The assignment ended: {data['reason']}{by}{why}."


def _warned(data: Mapping[str, Any]) -> str:
    word = "Reminder" if data["step"] == "remind" else "Warning"
    left = span(_seconds(data["warned_at"], data["due_at"]))
    return f"{word}: {data['percent']} % of the time of the promise {data['sla']} is up; it breaks in {left}."


def _breached(data: Mapping[str, Any]) -> str:
    missed = f"{MISSED.get(data['clock'], 'not kept')} in time"
    if data["step"] != "manager":
        return f"The promise {data['sla']} is broken: {missed}."
    limit = ", since the lead has moved as often as it may" if data.get("instead") else ""
    return f"A manager was told that the promise {data['sla']} is broken, {missed}{limit}."


def _seconds(begin: str, end: str) -> float:
    """Between two moments of one event, as they stand in its JSON; 0 where the later one comes first."""
    return max(0.0, (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds())


def _stage_changed(data: Mapping[str, Any]) -> str:
    worth = f", worth {data['value']:g} {data.get('currency', '')}".rstrip() if data.get("value") is not None else ""
    reason = f": {data['reason']}" if data.get("reason") else ""
    return f"From {data['previous']} to {data['stage']}{worth}, said {data['by']}{reason}."


def _first_responded(data: Mapping[str, Any]) -> str:
    seconds = data.get("seconds")
    return f"First response by {data['by']}{'' if seconds is None else f', {span(seconds)} after receipt'}."


def _touched(data: Mapping[str, Any]) -> str:
    if data["kind"] == CORRECTED:
        return "Read anew, by a better mapping."
    if data["kind"] == RECOGNISED:
        return "Recognised as a person whom we know already."
    return f"Came again, from {data['source']}."


def _did(data: Mapping[str, Any]) -> str:
    source = f", from {data['source']}" if data.get("source") else ""
    return f"{data['kind'].replace('_', ' ').replace('-', ' ').capitalize()}{source}."


def _merged(data: Mapping[str, Any]) -> str:
    evidence = ", ".join(f"{one['field']} {one['says']}" for one in data.get("evidence") or ())
    return f"Merged into lead {data['into']} by {data['by']}{f' ({evidence})' if evidence else ''}."


def span(seconds: float) -> str:
    """A length of time in the two largest units that matter: `45 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`."""
    whole = round(seconds)
    for unit, name, part, part_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{whole} s" if whole else f"{seconds:.3g} s"


GIVEN: Mapping[str, str] = {
    "sticky": "Kept with",
    "claimed": "Claimed by",
    "by_hand": "Given by hand to",
    "forced": "Forced by hand on",
    "restored": "Given back to",
    "next_agent": "Moved on to",
    "rerouted": "Moved by a rule to",
    "handed_over": "Handed over to",
}
MISSED: Mapping[str, str] = {
    "accept": "not accepted",
    "first_response": "no first response",
    "follow_up": "no follow-up",
}
SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "LeadReceived": lambda data: f"Received from {data['source']}.",
    "LeadTouched": _touched,
    "ActivityRecorded": _did,
    "LeadMerged": _merged,
    "LeadUnmerged": lambda data: f"The merge into lead {data['into']} was undone by {data['by']}.",
    "LeadErased": lambda data: f"Erased ({data['reason']}) by {data['by']}.",
    "LeadScored": _scored,
    "LeadOffered": _offered,
    "LeadAssigned": _assigned,
    "LeadQueued": _queued,
    "LeadRejected": lambda data: f"Not routed ({data['code']}): {data['why']}",
    "AssignmentAccepted": _accepted,
    "AssignmentEnded": _assignment_ended,
    "SlaWarned": _warned,
    "SlaBreached": _breached,
    "StageChanged": _stage_changed,
    "FirstResponded": _first_responded,
}
