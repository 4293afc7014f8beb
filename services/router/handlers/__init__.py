"""Use cases of the router."""

from __future__ import annotations

from services.router.handlers.chain import erase_leads, merge_leads, unmerge_leads
from services.router.handlers.outcomes import apply_stages, note_responses
from services.router.handlers.routing import route_leads
from shared.consumer import On, Subscriptions
from shared.contracts.events import FirstResponded, LeadErased, LeadMerged, LeadScored, LeadUnmerged, StageChanged
from shared.contracts.topics import LEADS_SCORED, LEADS_TRACKED

SUBSCRIPTIONS = Subscriptions(
    (
        On(LEADS_SCORED, LeadScored, route_leads),
        On(LEADS_SCORED, LeadMerged, merge_leads),
        On(LEADS_SCORED, LeadUnmerged, unmerge_leads),
        On(LEADS_SCORED, LeadErased, erase_leads),
        On(LEADS_TRACKED, StageChanged, apply_stages),
        On(LEADS_TRACKED, FirstResponded, note_responses),
    )
)
