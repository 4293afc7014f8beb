"""The dates of the holidays that a policy's calendars keep: copied when it is activated, so that nothing after depends on a library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.router.domain.policy.values import Policy


def holidays_named(policy: Policy) -> set[str]:
    """The calendars of holidays (DE-BY) and dates of their own that its calendars name."""
    return {name for one in policy.timetables.values() for name in one.holidays}


def with_holidays(policy: Policy, dates: Mapping[str, Mapping[str, str]]) -> Policy:
    """The policy with these dates and names of days by calendar of holidays, as `copy_calendars` gives them."""
    return replace(policy, holidays=dates)
