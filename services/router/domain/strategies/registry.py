"""All strategies by name. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.router.domain.strategies.claim import Claim
from services.router.domain.strategies.fewest import Fewest
from services.router.domain.strategies.in_turn import InTurn
from services.router.domain.strategies.least_open import LeastOpen
from services.router.domain.strategies.most_spare import MostSpare
from services.router.domain.strategies.share import Share
from services.router.domain.strategies.strategy import Plan, Strategy
from services.router.domain.strategies.waterfall import Waterfall

STRATEGIES: Mapping[str, Callable[[Plan], Strategy]] = {
    "rotation": InTurn,
    "fewest": Fewest,
    "least_open": LeastOpen,
    "most_spare": MostSpare,
    "claim": Claim,
    "waterfall": Waterfall,
    "share": Share,
}


def make(plan: Plan) -> Strategy:
    """Raises ValueError for a kind that is not registered."""
    if plan.way.kind not in STRATEGIES:
        raise ValueError(f"there is no strategy {plan.way.kind}; there are {', '.join(sorted(STRATEGIES))}")
    return STRATEGIES[plan.way.kind](plan)
