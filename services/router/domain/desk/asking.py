"""What a waiting lead asks of who receives it, as a digest: those who ask the same are given to the same agents."""

from __future__ import annotations

from hashlib import blake2b

from services.router.domain.decision import Decision
from services.router.domain.policy import Policy
from services.router.domain.strategies import Verdict


def asks_of(decision: Decision, policy: Policy, grade: str) -> str:
    """The digest for a lead that was decided so, and waits.

    In it is all that tells two leads of one pool apart when it is asked who gets them: what the pools on its way and its rule require, with
    the facts that they ask; how much work it is; who does not get it again; and the owner whom it waits for. So where nobody gets the
    one, nobody gets the other at that moment, and a drain need not look at it.
    """
    home = decision.home
    assert home is not None
    facts = policy.extend(decision.facts)
    required = [
        (pool, [(one.text, one.asked(facts)) for one in policy.requirements(pool, decision.rule)]) for pool in policy.ways(home)
    ]
    stuck = decision.stuck
    owner = stuck.agent_id if stuck and stuck.verdict is Verdict.WAIT else None
    asked = (required, decision.qualification, grade, sorted(decision.terms.without), decision.terms.offered, owner)
    return blake2b(repr(asked).encode(errors="surrogatepass"), digest_size=9).hexdigest()
