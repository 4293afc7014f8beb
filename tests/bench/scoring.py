"""How fast the pure function scores: cards of 10, 40 and 100 rules, beside what Python alone takes for the same questions.

`python -m tests.bench.scoring` prints it. A quarter of the rules are behaviours, on five occurrences, and half of those ask something; the
lead matches some of the rules, as leads do. The floor is a hand-written Python function that asks about as much, without reasons, groups
or checks: what is left when nothing can be configured.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.scoring.domain.scorecard import Occurrence, Scorecard, from_document, score
from shared.contracts.vocabulary import FACTS

RULES = (10, 40, 100)
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
KINDS = ("submission", "page_view", "email_click", "download", "meeting")
LEAD: dict[str, Any] = {
    "source": "website",
    "country": "DE",
    "has_email": True,
    "has_phone": True,
    "email_kind": "company",
    "product": "plan 3",
    "budget": 20_000,
    "company_size": 120,
    "job_title": "Head of Sales",
    "tags": ["fair", "newsletter"],
    "campaign": "spring",
}


def measure(seconds: float = 0.5) -> dict[str, Any]:
    """Scorings a second by number of rules, of the card and of the floor; the best of several runs, each of about so many seconds."""
    return {str(rules): _measured(rules, seconds) for rules in RULES}


def document(rules: int) -> dict[str, Any]:
    """A card of so many rules, a quarter of them behaviours."""
    behaviours = rules // 4
    return {
        "fit": {
            "groups": {"who": {"max": 60, "min": -20}, "what": {"max": 60}},
            "rules": [
                {
                    "name": f"fit {n}",
                    "when": _asks(n),
                    "points": 2 + n % 5,
                    "group": ("who", "what")[n % 2],
                    "reason": f"fits {n}",
                }
                for n in range(rules - behaviours)
            ],
        },
        "engagement": {
            "groups": {"reading": {"max": 30}},
            "behaviours": [
                {
                    "name": f"does {n}",
                    "on": [KINDS[n % len(KINDS)]],
                    **({"when": f"page.contains('{n}') || campaign == 'spring'"} if n % 2 else {}),
                    "points": 3,
                    "half_life_days": 7 + n,
                    "group": "reading",
                    "reason": f"does {n}",
                }
                for n in range(behaviours)
            ],
        },
        "letters": [{"letter": "A", "min": 60}, {"letter": "B", "min": 40}, {"letter": "C", "min": 20}, {"letter": "D"}],
        "numbers": [{"number": 1, "min": 40}, {"number": 2, "min": 20}, {"number": 3, "min": 5}, {"number": 4}],
        "thresholds": [{"name": "hot", "min": 80}],
    }


def occurrences() -> list[Occurrence]:
    data = {"page": "/pricing/7", "campaign": "spring"}
    return [Occurrence(UUID(int=n), kind, NOW - timedelta(hours=5 * n), "website", data) for n, kind in enumerate(KINDS)]


def _asks(n: int) -> str:
    return (
        f"company_size >= {20 * n}",
        f"country == '{('DE', 'AT', 'CH', 'FR', 'US')[n // 8 % 5]}'",
        f"product in ['plan {n}', 'plan {n + 1}']",
        f"budget > {1_000 * n} && has_email",
        "has_phone && email_kind == 'company'",
        f"'tag {n}' in tags",
        f"job_title.contains('{('Sales', 'Head', 'CEO')[n // 8 % 3]}')",
        f"campaign == 'campaign {n}' || source == 'website'",
    )[n % 8]


def floor(rules: int) -> Callable[[dict[str, Any], Sequence[Occurrence]], float]:
    """What the card asks, by hand: one comparison a rule, one decay for each occurrence that a behaviour hears."""
    behaviours = rules // 4

    def points(lead: dict[str, Any], happened: Sequence[Occurrence]) -> float:
        total = 0.0
        for n in range(rules - behaviours):
            if lead.get("company_size", 0) >= 20 * n:
                total += 2 + n % 5
        for occurrence in happened:
            for n in range(behaviours):
                if occurrence.kind == KINDS[n % len(KINDS)] and occurrence.data["campaign"] == "spring":
                    total += 3 * 2 ** (-(NOW - occurrence.at).total_seconds() / (7 + n) / 86_400)
        return total

    return points


def _measured(rules: int, seconds: float) -> dict[str, Any]:
    card, happened, by_hand = from_document(document(rules), FACTS), occurrences(), floor(rules)
    gc.collect()
    gc.freeze()  # what else the process holds is not looked through before each run
    scored = _rate(lambda: score(card, LEAD, happened, NOW), seconds)
    bare = _rate(lambda: by_hand(LEAD, happened), seconds)
    gc.unfreeze()
    return {"scorings_per_second": round(scored), "floor_per_second": round(bare), "times_the_floor": round(bare / scored, 2)}


def _rate(work: Callable[[], object], seconds: float, runs: int = 25) -> float:
    """How often a second, in the best of many short runs: what disturbs a run only makes it slower."""
    rounds = 1
    while (took := _timed(work, rounds)) < seconds / runs / 4:
        rounds *= 2
    rounds = max(1, round(rounds * seconds / runs / took))
    return rounds / min(_timed(work, rounds) for _ in range(runs))


def _timed(work: Callable[[], object], rounds: int) -> float:
    gc.collect()  # and CPU time, so that what else runs on the machine does not count
    started = time.process_time()
    for _ in range(rounds):
        work()
    return time.process_time() - started


def card_of(rules: int) -> Scorecard:
    return from_document(document(rules), FACTS)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
