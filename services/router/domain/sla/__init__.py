"""Service levels: how long a lead's owner may take to accept, to respond and to follow up, and what is done when the time is up.

    clocks = start(slas, holding, calendars)                  # at an assignment, in its transaction; kept with the lead
    soonest(clocks, calendars)                                # when its timer is due
    look(clocks, calendars, now, outage=due.outage)           # then: the steps to do, in order, and the clocks afterwards
    act(clocks, accepted(now, assignment_id), calendars)      # what somebody did
    hand_over(clocks, slas, holding=…, before=…, after=…, now=…)   # a new owner, or none
    stop(clocks, "closed", calendars, now)                    # the lead is over

Nothing here depends on a lead being touched or saved: a clock breaches because its moment comes. A clock carries the terms it began
under, so a change of policy changes no promise that was given.
"""

from services.router.domain.sla.calendars import Calendars, named_calendar
from services.router.domain.sla.changes import Action, Change, accepted, act, contacted, hand_over, stage_changed, stop
from services.router.domain.sla.clock import Clock, Holding, State, Status, carry, deadline, start, status
from services.router.domain.sla.levels import WALL, WORKING, Absent, Escalation, Origin, Rung, Sla, SlaClock, lint_sla
from services.router.domain.sla.steps import Look, Step, StepKind, catch_up, due, look, next_step, soonest

__all__ = [
    "WALL",
    "WORKING",
    "Absent",
    "Action",
    "Calendars",
    "Change",
    "Clock",
    "Escalation",
    "Holding",
    "Look",
    "Origin",
    "Rung",
    "Sla",
    "SlaClock",
    "State",
    "Status",
    "Step",
    "StepKind",
    "accepted",
    "act",
    "carry",
    "catch_up",
    "contacted",
    "deadline",
    "due",
    "hand_over",
    "lint_sla",
    "look",
    "named_calendar",
    "next_step",
    "soonest",
    "stage_changed",
    "start",
    "status",
    "stop",
]
