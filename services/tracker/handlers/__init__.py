"""Use cases of the tracker: folding what three topics say into one row and one timeline a lead, forgetting, and taking a status."""

from __future__ import annotations

from services.tracker.handlers.erasure import erase_leads, gone
from services.tracker.handlers.fold import fold
from services.tracker.handlers.status import Said, Status, set_status
from shared.consumer import On, Subscriptions
from shared.contracts.events import (
    ActivityRecorded,
    AssignmentAccepted,
    AssignmentEnded,
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
)
from shared.contracts.topics import LEADS_RECEIVED, LEADS_ROUTED, LEADS_SCORED

__all__ = ["SUBSCRIPTIONS", "Said", "Status", "fold", "gone", "set_status"]

SUBSCRIPTIONS = Subscriptions(
    (
        On(LEADS_RECEIVED, LeadReceived, fold),
        On(LEADS_RECEIVED, LeadTouched, fold),
        On(LEADS_RECEIVED, ActivityRecorded, fold),
        On(LEADS_SCORED, LeadScored, fold),
        On(LEADS_ROUTED, LeadOffered, fold),
        On(LEADS_ROUTED, LeadAssigned, fold),
        On(LEADS_ROUTED, LeadQueued, fold),
        On(LEADS_ROUTED, LeadRejected, fold),
        On(LEADS_ROUTED, AssignmentAccepted, fold),
        On(LEADS_ROUTED, AssignmentEnded, fold),
        On(LEADS_ROUTED, SlaWarned, fold),
        On(LEADS_ROUTED, SlaBreached, fold),
        *(
            On(topic, event, fold)
            for topic in (LEADS_RECEIVED, LEADS_SCORED, LEADS_ROUTED)
            for event in (LeadMerged, LeadUnmerged)
        ),
        *(On(topic, LeadErased, erase_leads) for topic in (LEADS_RECEIVED, LEADS_SCORED, LEADS_ROUTED)),
    )
)
