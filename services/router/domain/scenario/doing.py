"""What is done in a scenario, a function a kind of step: each finds whom it is about and leaves the rest to the desk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from services.router.domain.desk import (
    note_response,
    note_stage,
    take_scored,
)
from services.router.domain.lead import Case
from services.router.domain.scenario.answering import CAUSE, assign, pass_on, said, send_back, take_offer, take_on, turn_down
from services.router.domain.scenario.leads import describe, usual_qualification
from services.router.domain.scenario.play import NotDone, Play
from services.router.domain.scenario.policies import enrolled_draft
from services.router.domain.scenario.reading import patched
from services.router.domain.scenario.staffing import change_agent, credit, note_presence, pause, resume, send_on_leave
from services.router.domain.scenario.storing import restored
from services.router.domain.scenario.values import Check, Document, Step


def do(play: Play, step: Step) -> None:
    """Does what the step says. Raises NotDone where that is refused, InvalidScenario for what is not there."""
    _STEPS[step.kind](play, step)


# -- Leads -----------------------------------------------------------------------------------------------------------------------


def _bring(play: Play, step: Step) -> None:
    parts: Document = step.value
    received = play.moment(parts["received"], f"{step.path}/received") if "received" in parts else step.at
    lead = play.new_lead(parts.get("name"), received, step.path)
    lead.qualification = usual_qualification(play.world.active.policy)
    describe(lead, play.scenario.lead)
    describe(lead, parts)
    desk = play.world.open([lead])
    desk.add(lead)
    take_scored(desk, lead, desk.match(lead), ("", ""), CAUSE)
    play.world.settle(desk)


def _score(play: Play, step: Step) -> None:
    lead = play.lead(step.value["lead"], step.path)
    before = lead.grade, lead.qualification
    describe(lead, step.value, others=("lead",))
    desk = play.world.open([lead])
    take_scored(desk, lead, desk.match(lead), before, CAUSE)
    play.world.settle(desk)


def _contact(play: Play, step: Step) -> None:
    lead, parts = said(play, step)
    desk = play.world.open([lead])
    note_response(desk, lead, _when(play, step, parts), CAUSE, assignment_id=_assignment(lead))
    play.world.settle(desk)


def _stage(play: Play, step: Step) -> None:
    lead, parts = said(play, step)
    stage = parts.get("stage", parts.get("as", "won"))
    desk = play.world.open([lead])
    note_stage(desk, lead, stage, _when(play, step, parts), CAUSE, assignment_id=_assignment(lead))
    play.world.settle(desk)


def _assignment(lead: Case) -> UUID | None:
    return lead.held.id if lead.held else None


def _when(play: Play, step: Step, parts: Document) -> datetime:
    return play.moment(parts["when"], f"{step.path}/when") if "when" in parts else play.world.now


# -- Around ----------------------------------------------------------------------------------------------------------------------


def _activate(play: Play, step: Step) -> None:
    document = step.value.get("policy") or patched(play.document, step.value["change"])
    policy = enrolled_draft(document, play.base.facts, play.world.people)
    if not isinstance(policy, tuple):
        play.document = document
        play.world.activate(policy)
        return
    raise NotDone("; ".join(f"{one.path}: {one.message}" for one in policy))


def _restart(play: Play, step: Step) -> None:
    world = play.world
    faults = world.ledgers.restart()
    for id, lead in world.cases.items():
        stored = restored(lead)
        if stored != lead:
            faults.append(f"lead {play.name_of(id)} is not as it was")
        world.cases[id] = stored
        if id in world.history.queue:
            world.history.queue[id] = stored
    play.checks.append(
        Check(step.path, "a restart changes nothing", not faults, "everything as it was", "; ".join(faults) or "so it is")
    )


def _outage(play: Play, step: Step) -> None:
    play.down_until = play.until(step.value, step.path)


def _wait(play: Play, step: Step) -> None:
    """Time has passed already."""


def _set_back(play: Play, step: Step) -> None:
    play.world.set_back(step.at)


_STEPS: dict[str, Callable[[Play, Step], None]] = {
    "lead": _bring,
    "score": _score,
    "contacted": _contact,
    "stage": _stage,
    "close": _stage,
    "accept": take_on,
    "claim": take_offer,
    "decline": turn_down,
    "return": partial(send_back, reason="returned"),
    "hand_over": pass_on,
    "assign": assign,
    "agent": change_agent,
    "pause": pause,
    "resume": resume,
    "leave": send_on_leave,
    "presence": note_presence,
    "credit": credit,
    "debit": partial(credit, debits=True),
    "activate": _activate,
    "restart": _restart,
    "outage": _outage,
    "wait": _wait,
    "clock": _set_back,
}
