"""The whole flow in one file: which service publishes which events on which topic, and who takes what.

Each service publishes on exactly one topic, keyed by lead id: what one service says of one lead is in order; nothing is
ordered between topics. tests/contract/test_topology.py holds this page against what the services subscribe to and emit.

    intake ──leads.received──▶ scoring ──leads.scored──▶ router ──leads.routed──▶ tracker
    tracker also reads leads.received and leads.scored; scoring and router read leads.tracked back.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts.events import (
    AssignmentEnded,
    Event,
    FirstResponded,
    LeadAssigned,
    LeadQueued,
    LeadReceived,
    LeadRejected,
    LeadScored,
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


LEADS_RECEIVED = Topic("leads.received", "intake", (LeadReceived,))
LEADS_SCORED = Topic("leads.scored", "scoring", (LeadScored,))
LEADS_ROUTED = Topic("leads.routed", "router", (LeadAssigned, LeadQueued, LeadRejected, AssignmentEnded))
LEADS_TRACKED = Topic("leads.tracked", "tracker", (StageChanged, FirstResponded))

TOPICS = (LEADS_RECEIVED, LEADS_SCORED, LEADS_ROUTED, LEADS_TRACKED)
TOPIC_OF = {topic.owner: topic for topic in TOPICS}

TAKES: dict[str, tuple[tuple[Topic, type[Event]], ...]] = {
    "intake": (),
    "scoring": ((LEADS_RECEIVED, LeadReceived), (LEADS_TRACKED, StageChanged)),
    "router": ((LEADS_SCORED, LeadScored), (LEADS_TRACKED, StageChanged)),
    "tracker": (
        (LEADS_RECEIVED, LeadReceived),
        (LEADS_SCORED, LeadScored),
        *((LEADS_ROUTED, event) for event in LEADS_ROUTED.events),
    ),
}
