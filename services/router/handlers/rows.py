"""Decisions as they are written: all that it takes to explain one and to make it again."""

from __future__ import annotations

from typing import Any

from services.router.domain import Outcome, Winner
from services.router.domain.desk import Made
from services.router.store import DecisionRow
from shared.db.uow import to_json


def decision_row(made: Made, policy_version: int) -> DecisionRow:
    decision = made.decision
    given = decision.winner if made.outcome is not Outcome.QUEUED else None
    more = _more(made)
    return DecisionRow(
        made.id,
        decision.lead_id,
        decision.now,
        policy_version,
        made.group,
        made.number,
        made.ordinal,
        made.outcome.value,
        decision.rule,
        decision.home if made.outcome is Outcome.QUEUED else decision.pool,
        given.agent_id if given else None,
        made.why,
        decision.eligible,
        to_json(decision.stopped) if decision.stopped else "{}",
        to_json(_counters(given)) if given else None,
        to_json(decision.facts),
        decision.via if made.outcome is not Outcome.QUEUED else None,
        to_json(more) if more else None,
    )


def _more(made: Made) -> dict[str, Any]:
    """What most decisions do not have: terms, an offer, who said so, and rules that could not be evaluated."""
    decision = made.decision
    more = decision.terms.to_document()
    if decision.offer and made.outcome is Outcome.OFFERED:
        more["offer"] = [str(one) for one in decision.offer.agents]
        more["until"] = decision.offer.until.isoformat()
    if decision.counts:
        more["counts"] = True
    if decision.failed:
        more["failed"] = list(decision.failed)
    if made.by:
        more["by"] = made.by
    if made.said:
        more["said"] = made.said
    return more


def _counters(winner: Winner) -> dict[str, object]:
    """How the winner stood before and after, its caps beside what they count."""
    return {
        "before": {"received": winner.before.received, "difference": winner.before.difference},
        "after": {"received": winner.after.received, "difference": winner.after.difference},
        "open": (winner.open, winner.open_cap),
        "daily": (winner.daily, winner.daily_cap),
        "period": winner.period,
    }
