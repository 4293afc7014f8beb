"""Plays scenarios: the very desk of production, under a clock that goes on from step to step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.router.domain.decision import Outcome
from services.router.domain.desk import CLOSING, promises
from services.router.domain.lead import Case, Queued, rank_of
from services.router.domain.policy import Draft
from services.router.domain.scenario.account import event_of
from services.router.domain.scenario.doing import do
from services.router.domain.scenario.expecting import check
from services.router.domain.scenario.leads import describe, usual_qualification
from services.router.domain.scenario.moments import NoMoment, read_moment, shown
from services.router.domain.scenario.people import People, gathered, named_by
from services.router.domain.scenario.play import NotDone, Play
from services.router.domain.scenario.policies import Base, drafted, enrolled_draft
from services.router.domain.scenario.values import Check, Document, InvalidScenario, Result, Scenario, Step
from services.router.domain.scenario.world import World
from shared.rules import Problem

EARLIER = frozenset(("lead", "agent", "pool", "at", "count", "closed", "turn"))


def play(scenario: Scenario, base: Base) -> Result:
    """What comes of a scenario; equal input gives an equal result. One that cannot be played has problems, and no checks."""
    try:
        played = played_out(scenario, base)
    except InvalidScenario as error:
        return Result(scenario.name, scenario.path, problems=error.problems)
    return Result(
        scenario.name, scenario.path, tuple(played.checks), tuple(_account(played)), (), len(played.world.history.decisions)
    )


def played_out(scenario: Scenario, base: Base) -> Play:
    """The play at its end. Raises InvalidScenario."""
    playing = _begun(scenario, base)
    deferred: list[Step] = []
    for step in scenario.steps:
        if playing.down_until and step.at < playing.down_until:
            deferred.append(step)
            continue
        _come_up(playing, deferred)
        if not step.back:
            playing.world.advance(step.at)
        _take(playing, step)
    _come_up(playing, deferred)
    playing.checks += check(playing, scenario.then, f"{scenario.path}/then")
    return playing


def _come_up(playing: Play, deferred: list[Step]) -> None:
    """The outage is over: what fell due is seen to, then what came meanwhile."""
    if playing.down_until is None:
        return
    playing.world.pass_over(playing.down_until)
    playing.down_until = None
    for step in deferred:
        _take(playing, step)
    deferred.clear()


def _take(playing: Play, step: Step) -> None:
    if step.kind == "expect":
        playing.checks += check(playing, step.value, step.path)
        return
    if step.kind not in ("lead", "wait"):
        playing.note(f"{shown(playing.world.now, playing.scenario.zone)}  > {step.kind} {_said(step.value)}".rstrip())
    refusal: str | None = None
    try:
        do(playing, step)
    except NotDone as refused:
        refusal = str(refused)
        playing.note(f"{shown(playing.world.now, playing.scenario.zone)}  refused: {refusal}")
    playing.world.catch_up()
    if refusal is not None or step.refused:
        playing.checks.append(_ruling(step, refusal))


def _ruling(step: Step, refusal: str | None) -> Check:
    said = step.refused
    expected = f"refused: …{said}…" if isinstance(said, str) else "refused" if said else "done"
    passed = refusal is not None and (said is True or (isinstance(said, str) and said in refusal))
    return Check(step.path, f"whether {step.kind} is refused", passed, expected, f"refused: {refusal}" if refusal else "done")


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {one}" for name, one in value.items() if not isinstance(one, Mapping))
    return "" if value in (None, True) else str(value)


def _account(playing: Play) -> list[str]:
    told, zone = playing.world.history.told, playing.scenario.zone
    lines, notes = [], iter([*playing.lines, (len(told) + 1, "")])
    place, note = next(notes)
    for number, one in enumerate(told):
        while place <= number:
            lines.append(note)
            place, note = next(notes)
        lines.append(event_of(one, playing.name_of(one.lead_id), playing.world.people.name, zone).line(zone))
    return [*lines, *([note] if note else []), *(line for _, line in notes if line)]


# -- Beginning -------------------------------------------------------------------------------------------------------------------


def _begun(scenario: Scenario, base: Base) -> Play:
    document = scenario.policy if scenario.policy is not None else base.policy
    if document is None:
        said = "names no policy: give `policy` or `pools`, or say which policy is tested"
        raise InvalidScenario([Problem(f"{scenario.path}/given", said)])
    where = scenario.policy_path if scenario.policy is not None else ""
    draft = drafted(document, base.facts)
    if not isinstance(draft, Draft):
        raise InvalidScenario(_below(where, draft))
    people = _people(scenario, base, draft)
    policy = enrolled_draft(document, base.facts, people)
    if isinstance(policy, tuple):
        raise InvalidScenario(_below(where, policy))
    opens = min([scenario.starts, *(_at(scenario, one, index) for index, one in enumerate(scenario.earlier))])
    playing = Play(scenario, base, World(policy, people, opens), document)
    _put_earlier(playing)
    playing.world.advance(scenario.starts)
    _put_waiting(playing)
    return playing


def _below(path: str, problems: tuple[Problem, ...]) -> list[Problem]:
    return [Problem(path + one.path, one.message, line=one.line, column=one.column) for one in problems]


def _people(scenario: Scenario, base: Base, draft: Draft) -> People:
    """Those that the scenario names over those that there are; where it names none, and has a policy of its own, whom that names."""
    there_are = base.agents if scenario.policy is None else ()
    if scenario.agents is None:
        return People(there_are) if there_are else named_by(draft, scenario.zone)

    def moment(text: str, path: str) -> datetime:
        return _moment(scenario, "+0s" if text == "now" else text, path)

    return gathered(scenario.agents, there_are, scenario.zone, f"{scenario.path}/given/agents", moment)


def _moment(scenario: Scenario, text: str, path: str) -> datetime:
    try:
        return read_moment(text, zone=scenario.zone, start=scenario.starts, before=scenario.starts)
    except NoMoment as error:
        raise InvalidScenario([Problem(path, str(error))]) from error


def _at(scenario: Scenario, earlier: Document, index: int) -> datetime:
    at = _moment(scenario, earlier.get("at", "-1m"), f"{scenario.path}/given/earlier/{index}/at")
    if at > scenario.starts:
        raise InvalidScenario([Problem(f"{scenario.path}/given/earlier/{index}/at", "must not be after the start")])
    return at


def _put_earlier(playing: Play) -> None:
    """Leads that were given out before; nothing of that is told, and nothing is promised for them."""
    scenario, history = playing.scenario, playing.world.history
    history.is_earlier = True
    ordered = sorted(enumerate(scenario.earlier), key=lambda one: _at(scenario, one[1], one[0]))
    for index, parts in ordered:
        path = f"{scenario.path}/given/earlier/{index}"
        playing.world.advance(_at(scenario, parts, index))
        many, name = parts.get("count", 1), parts.get("lead", parts.get("name", f"earlier {index + 1}"))
        for number in range(many):
            _give_earlier(playing, parts, name if many == 1 else f"{name} {number + 1}", path)
    history.is_earlier = False


def _give_earlier(playing: Play, parts: Document, name: str, path: str) -> None:
    world = playing.world
    lead = _lead(playing, parts, name, world.now, path)
    agent = playing.agent(parts["agent"], f"{path}/agent")
    pools = world.active.policy.pools
    pool = parts.get("pool") or next((one for one, it in pools.items() if any(m.agent_id == agent.id for m in it.members)), "")
    if pool not in pools:
        raise InvalidScenario(
            [Problem(f"{path}/pool", f"there is no pool {pool}" if pool else f"{parts['agent']} is in no pool")]
        )
    desk = world.open([lead])
    desk.add(lead)
    if hindrance := desk.hindrance(lead, agent.id, pool, forced=True):
        raise InvalidScenario([Problem(path, f"{parts['agent']} {hindrance}")])
    desk.place(lead, agent.id, pool, "earlier", outcome=Outcome.FORCED, counts=parts.get("turn", True))
    if closed := parts.get("closed"):
        reason = "won" if closed is True else closed
        desk.end(lead, "closed" if reason in CLOSING else reason, "earlier", outcome=reason if reason in CLOSING else None)
        lead.status = "closed"
    lead.clocks = ()
    world.settle(desk, draining=False)


def _put_waiting(playing: Play) -> None:
    """Leads that wait when the scenario starts; who can be given out at once is."""
    world = playing.world
    desk = world.open()
    for index, parts in enumerate(playing.scenario.waiting):
        path = f"{playing.scenario.path}/given/waiting/{index}"
        since = playing.moment(parts.get("since", "now"), f"{path}/since")
        lead = _lead(playing, parts, parts.get("name"), since, path)
        match = desk.match(lead)
        ageing = world.active.policy.pools[match.pool].hold.ageing_points_per_hour
        lead.status = "queued"
        lead.queued = Queued(lead.lead_id, match.pool, match.rule, lead.points, since, rank_of(lead.points, since, ageing))
        desk.add(lead)
        desk.change(lead)
        promises.begin(desk, lead, "waiting")
    world.settle(desk)


def _lead(playing: Play, parts: Document, name: str | None, received_at: datetime, path: str) -> Case:
    lead = playing.new_lead(name, received_at, path)
    lead.qualification = usual_qualification(playing.world.active.policy)
    describe(lead, playing.scenario.lead)
    describe(lead, parts, others=(*EARLIER, "since"))
    return lead
