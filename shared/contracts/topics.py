"""The whole flow in one file: which service publishes which events on which topic, and who takes what.

Each service publishes on exactly one topic, keyed by lead id: what one service says of one lead is in order; nothing is
ordered between topics. tests/contract/test_topology.py holds this page against what the services subscribe to and emit.

    intake ──leads.received──▶ scoring ──leads.scored──▶ router ──leads.routed──▶ tracker
    tracker also reads leads.received and leads.scored; scoring and router read leads.tracked back.

Erasure, merge and un-merge go down the chain one way: each service takes them from the one before it and passes them on behind all it
said of that lead before. The tracker takes all three copies and passes on none.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts.events import (
    ActivityRecorded,
    AssignmentAccepted,
    AssignmentEnded,
    Event,
    FirstResponded,
    LeadAssigned,
    LeadErased,
    LeadMerged,
    LeadOffered,
    LeadQueued,
    LeadReceived,
    LeadRejected,
    LeadScored,
    LeadTouched,
    LeadUnmerged,
    SlaBreached,
    SlaWarned,
    StageChanged,
)

PARTITIONS = 12  # fixed: keys map to partitions by it
RETENTION_DAYS = 7
MAX_RECORD_BYTES = 512 * 1024


@dataclass(frozen=True)
class Topic:
    name: str
    owner: str
    events: tuple[type[Event], ...]


PASSED_ON = (LeadMerged, LeadUnmerged, LeadErased)

LEADS_RECEIVED = Topic("leads.received", "intake", (LeadReceived, LeadTouched, ActivityRecorded, *PASSED_ON))
LEADS_SCORED = Topic("leads.scored", "scoring", (LeadScored, *PASSED_ON))
ROUTED = (LeadOffered, LeadAssigned, LeadQueued, LeadRejected, AssignmentAccepted, AssignmentEnded, SlaWarned, SlaBreached)
LEADS_ROUTED = Topic("leads.routed", "router", (*ROUTED, *PASSED_ON))
LEADS_TRACKED = Topic("leads.tracked", "tracker", (StageChanged, FirstResponded))

TOPICS = (LEADS_RECEIVED, LEADS_SCORED, LEADS_ROUTED, LEADS_TRACKED)
TOPIC_OF = {topic.owner: topic for topic in TOPICS}

TAKES: dict[str, tuple[tuple[Topic, type[Event]], ...]] = {
    "intake": (),
    "scoring": (
        *((LEADS_RECEIVED, event) for event in LEADS_RECEIVED.events),
        (LEADS_TRACKED, StageChanged),
    ),
    "router": (
        (LEADS_SCORED, LeadScored),
        *((LEADS_SCORED, event) for event in PASSED_ON),
        (LEADS_TRACKED, StageChanged),
        (LEADS_TRACKED, FirstResponded),
    ),
    "tracker": tuple((topic, event) for topic in (LEADS_RECEIVED, LEADS_SCORED, LEADS_ROUTED) for event in topic.events),
}
