"""The one truth on whether an agent can receive: hours, holidays, leave, pause, presence and caps, with the next change."""

from services.router.domain.availability.answer import Availability, availability, next_available
from services.router.domain.availability.gates import AWAY, Duty, Gate, absence, caps_gate, caps_leave, catches_up, duty
from services.router.domain.availability.holidays import copy_calendars, days_off, is_calendar
from services.router.domain.availability.hours import Schedule, schedule_of
from services.router.domain.availability.working import add_working, working_between

__all__ = [
    "AWAY",
    "Availability",
    "Duty",
    "Gate",
    "Schedule",
    "absence",
    "add_working",
    "availability",
    "caps_gate",
    "caps_leave",
    "catches_up",
    "copy_calendars",
    "days_off",
    "duty",
    "is_calendar",
    "next_available",
    "schedule_of",
    "working_between",
]
