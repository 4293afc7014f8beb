"""The clients, by the kind of source; and what each needs of a source, for whoever makes sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.intake.clients import hubspot, linkedin, meta, tiktok
from services.intake.clients.shape import BACKFILL, Client
from services.intake.domain.senders import hubspot as from_hubspot
from services.intake.domain.senders import linkedin as from_linkedin
from services.intake.domain.senders import meta as from_meta
from services.intake.domain.senders import tiktok as from_tiktok
from services.intake.domain.senders.shape import SentLead, Setting


def _parse_linkedin(answer: Mapping[str, Any]) -> SentLead:
    return from_linkedin.parse_response(answer["response"], answer["form"])


CLIENTS: Mapping[str, Client] = {
    # Meta allows 200 calls an hour for each lead of the last 90 days: what a small Page may do, in a burst now and then.
    "meta": Client(meta.fetch, from_meta.parse_lead, meta.recent, meta.NEEDS, meta.SETTINGS, per_minute=60),
    # Its quotas are by the day, and shown to the app's owner only.
    "linkedin": Client(linkedin.fetch, _parse_linkedin, linkedin.recent, linkedin.NEEDS, linkedin.SETTINGS, per_minute=60),
    # 100 calls in 10 seconds for a private app, whoever uses it: with a burst of 10 seconds' worth, never more than that.
    "hubspot": Client(hubspot.fetch, from_hubspot.parse_contact, hubspot.recent, hubspot.NEEDS, hubspot.SETTINGS, per_minute=300),
    # An export is the whole form each time, so it is asked for less often.
    "tiktok": Client(
        tiktok.fetch, from_tiktok.parse_lead, tiktok.recent, tiktok.NEEDS, tiktok.SETTINGS, per_minute=60, poll_minutes=360
    ),
}

NEEDS: Mapping[str, Mapping[str, str]] = {kind: client.needs for kind, client in CLIENTS.items()}
"""The secrets that are needed to fetch, by kind of source: the name, and what it is."""


def settings_of(kind: str) -> tuple[Setting, ...]:
    """What may be set of a source of this kind beside its sender's own settings; empty for a kind that is not fetched."""
    client = CLIENTS.get(kind)
    if client is None:
        return ()
    return (
        *client.settings,
        Setting("fetch_per_minute", "Calls a minute, in each replica.", kind="integer", default=int(client.per_minute)),
        Setting(
            "poll_minutes",
            "Minutes between two looks for leads of which no notification came; 0 for none.",
            kind="integer",
            default=int(client.poll_minutes),
        ),
        Setting("backfill_days", "Days that the first look goes back.", kind="integer", default=int(BACKFILL)),
    )
