"""Every kind of sender there is, as it is outside: what it says, how it signs, what it wants to hear, and what its own API answers.

Nothing here uses the code that verifies or reads deliveries. A kind without a case fails a test (tests/e2e/test_sources.py).
"""

from __future__ import annotations

from tests.support.senders import platforms, portals
from tests.support.senders.case import Case, Person, Proof, Sent
from tests.support.senders.internet import Internet

CASES = {case.name: case for case in (*platforms.CASES, *portals.CASES)}

__all__ = ["CASES", "Case", "Internet", "Person", "Proof", "Sent"]
