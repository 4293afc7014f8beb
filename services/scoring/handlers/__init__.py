"""Use cases of scoring, a module for each: leads and what happens on them, what goes down the chain, what time does, documents, looks."""

from __future__ import annotations

from services.scoring.handlers.chain import erase_leads, merge_leads, unmerge_leads
from services.scoring.handlers.happenings import record_activities, record_stages, touch_leads
from services.scoring.handlers.receive import score_leads
from shared.consumer import On, Subscriptions
from shared.contracts.events import (
    ActivityRecorded,
    LeadErased,
    LeadMerged,
    LeadReceived,
    LeadTouched,
    LeadUnmerged,
    StageChanged,
)
from shared.contracts.topics import LEADS_RECEIVED, LEADS_TRACKED

SUBSCRIPTIONS = Subscriptions(
    (
        On(LEADS_RECEIVED, LeadReceived, score_leads),
        On(LEADS_RECEIVED, LeadTouched, touch_leads),
        On(LEADS_RECEIVED, ActivityRecorded, record_activities),
        On(LEADS_RECEIVED, LeadMerged, merge_leads),
        On(LEADS_RECEIVED, LeadUnmerged, unmerge_leads),
        On(LEADS_RECEIVED, LeadErased, erase_leads),
        On(LEADS_TRACKED, StageChanged, record_stages),
    )
)
