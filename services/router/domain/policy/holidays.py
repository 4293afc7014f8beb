"""The dates of the holidays that a policy's calendars keep: copied when it is activated, so that nothing after depends on a library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.router.domain.availability import copy_calendars, is_calendar
from services.router.domain.policy.values import Policy


def copy_holidays(policy: Policy, before: Policy, year: int) -> Policy:
    """The policy with the dates of the holidays that its calendars keep, around this year (`copy_calendars`).

    Where the library has a calendar no more, those that the policy before had of it are kept.
    """
    named = {name for one in policy.timetables.values() for name in one.holidays}
    kept = {name: dates for name, dates in before.holidays.items() if name in named}
    return with_holidays(policy, kept | copy_calendars(filter(is_calendar, named), year))


def with_holidays(policy: Policy, dates: Mapping[str, Mapping[str, str]]) -> Policy:
    """The policy with the dates that it had when it was activated, by calendar of holidays."""
    return replace(policy, holidays=dates)
