"""A decision of a scenario explained and made again, from what its group's ledger was before it."""

from __future__ import annotations

from uuid import UUID

from services.router.domain.decision import Decision, Outcome
from services.router.domain.explanation import Recorded, WhyNot, decide_again, explain_why_not
from services.router.domain.lead import View
from services.router.domain.scenario.history import Decided
from services.router.domain.scenario.world import World
from services.router.domain.state import GroupState


def why_not(world: World, decided: Decided, agent_id: UUID) -> WhyNot:
    """Why the agent did not get the lead by this decision."""
    return explain_why_not(agent_id, _recorded(decided), _lead(decided), decided.policy, _before(world, decided))


def made_again(world: World, decided: Decided) -> Decision | None:
    """The decision as it comes out of what was recorded."""
    return decide_again(_recorded(decided), _lead(decided), decided.policy, _before(world, decided))


def _before(world: World, decided: Decided) -> GroupState | None:
    made = decided.made
    return None if made.group is None else world.ledgers.before(made.group, made.number or 0)


def _recorded(decided: Decided) -> Recorded:
    made = decided.made
    decision, queued = made.decision, made.outcome is Outcome.QUEUED
    return Recorded(
        made.outcome,
        decision.now,
        decision.rule,
        decision.home if queued else decision.pool,
        None if queued else decision.agent_id,
        None if queued else decision.via,
        decision.terms,
        decision.counts,
        decision.offer.agents if decision.offer and made.outcome is Outcome.OFFERED else (),
    )


def _lead(decided: Decided) -> View:
    """The lead as it was decided."""
    facts = decided.made.decision.facts
    return View(decided.made.decision.lead_id, facts, facts["points"], facts["grade"], facts["qualification"])
