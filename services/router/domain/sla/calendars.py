"""In whose time a clock runs: the owner's working time, a named calendar's, or all the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from services.router.domain.agent import Agent, Settings, Week
from services.router.domain.sla.levels import WALL, WORKING, Sla


@dataclass(frozen=True, slots=True)
class Calendars:
    """The owner of the lead, None while it has none, and the policy's calendars by name."""

    owner: Agent | None = None
    named: Mapping[str, Agent] = field(default_factory=dict)

    def of(self, sla: Sla) -> Agent | None:
        """Whose hours, holidays and leave the clock goes by; None is all the time.

        A calendar that the policy has no more is all the time as well: rather too early than never. A pause that an agent takes, or its
        presence, stops no clock: it would be a way out of every promise.
        """
        if sla.time == WORKING:
            if self.owner is None or sla.pauses or not self.owner.leaves:
                return self.owner
            return replace(self.owner, leaves=())
        calendar = None if sla.time == WALL else self.named.get(sla.time)
        if not sla.pauses or self.owner is None or not self.owner.leaves:
            return calendar
        return replace(calendar or Agent(Settings()), leaves=self.owner.leaves)


def named_calendar(zone: str, hours: Week | None, days_off: Mapping[str, str]) -> Agent:
    """A calendar of its own, in the form in which working time is asked of agents. `days_off` are dates with the names of the days."""
    return Agent(Settings(zone=zone, hours=hours), days_off=days_off)
