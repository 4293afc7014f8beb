"""Rules of a lead's life: its stages, who may see it, what was promised, its timeline as a person reads it, and how it is forgotten."""

from services.tracker.domain.erasure import Confirmation, Erasure, clean_at, joined
from services.tracker.domain.lead import (
    AHEAD,
    CLOSED,
    RESPONSES,
    Lead,
    LeadClosed,
    Routing,
    Stage,
    Until,
    advance,
    is_young,
    reached,
    seconds_between,
)
from services.tracker.domain.promises import BREACH, Acceptance, Breach, accepted, breaches, first_offered
from services.tracker.domain.sentences import SENTENCES, span, summary
from services.tracker.domain.timeline import (
    CORRECTED,
    RECOGNISED,
    SERVICES,
    Entry,
    display_order,
    in_order,
    times_active,
    times_touched,
)
from services.tracker.domain.touches import Filled, completed, fill

__all__ = [
    "AHEAD",
    "BREACH",
    "CLOSED",
    "CORRECTED",
    "RECOGNISED",
    "RESPONSES",
    "SENTENCES",
    "SERVICES",
    "Acceptance",
    "Breach",
    "Confirmation",
    "Entry",
    "Erasure",
    "Filled",
    "Lead",
    "LeadClosed",
    "Routing",
    "Stage",
    "Until",
    "accepted",
    "advance",
    "breaches",
    "clean_at",
    "completed",
    "display_order",
    "fill",
    "first_offered",
    "in_order",
    "is_young",
    "joined",
    "reached",
    "seconds_between",
    "span",
    "summary",
    "times_active",
    "times_touched",
]
