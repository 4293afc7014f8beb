"""Use cases of intake, a module for each. Intake takes no events yet."""

from __future__ import annotations

from shared.consumer import Subscriptions

SUBSCRIPTIONS = Subscriptions(())
