"""The events. Past tense, one struct each; the class's `VERSION` is the major version in the type on the wire.

A published version is only ever added to: a new field has a default, nothing is renamed, removed or narrowed
(tests/contract/test_contracts.py holds the golden examples against it). Closed lists travel as plain strings, so that a reader
keeps a value that it does not know yet.

Two blocks hold what is known of a lead. `contact` says who it is: it travels on leads.received only and is kept by intake and
tracker only. `facts` is all that a rule may ask and holds no contact data; LeadScored and LeadAssigned carry it onward.
"""

from __future__ import annotations

from shared.contracts.events.intake import (
    ActivityRecorded,
    Consent,
    Evidence,
    LeadErased,
    LeadMerged,
    LeadReceived,
    LeadTouched,
    LeadUnmerged,
)
from shared.contracts.events.router import (
    AssignmentAccepted,
    AssignmentEnded,
    LeadAssigned,
    LeadOffered,
    LeadQueued,
    LeadRejected,
    SlaBreached,
    SlaWarned,
)
from shared.contracts.events.scoring import LeadScored, Override, Reason
from shared.contracts.events.shape import Contact, Event, Facts, type_name
from shared.contracts.events.tracker import FirstResponded, StageChanged

__all__ = [
    "PUBLISHED",
    "REGISTRY",
    "ActivityRecorded",
    "AssignmentAccepted",
    "AssignmentEnded",
    "Consent",
    "Contact",
    "Event",
    "Evidence",
    "Facts",
    "FirstResponded",
    "LeadAssigned",
    "LeadErased",
    "LeadMerged",
    "LeadOffered",
    "LeadQueued",
    "LeadReceived",
    "LeadRejected",
    "LeadScored",
    "LeadTouched",
    "LeadUnmerged",
    "Override",
    "Reason",
    "SlaBreached",
    "SlaWarned",
    "StageChanged",
    "type_name",
]

PUBLISHED: tuple[type[Event], ...] = (
    LeadReceived,
    LeadTouched,
    ActivityRecorded,
    LeadMerged,
    LeadUnmerged,
    LeadErased,
    LeadScored,
    LeadOffered,
    LeadAssigned,
    LeadQueued,
    LeadRejected,
    AssignmentAccepted,
    AssignmentEnded,
    SlaWarned,
    SlaBreached,
    StageChanged,
    FirstResponded,
)
REGISTRY: dict[str, type[Event]] = {type_name(kind): kind for kind in PUBLISHED}
