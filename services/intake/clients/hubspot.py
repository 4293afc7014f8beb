"""HubSpot: a contact by its id, and the contacts that were made since (CRM API v3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.intake.clients.credentials import Credentials
from services.intake.clients.shape import Cursor, Found, Sweep, ids_of
from services.intake.clients.web import Answer, Web, checked, segment
from services.intake.domain.senders.hubspot import SENDER
from services.intake.domain.senders.shape import Fetch, Setting
from shared.errors import Permanent, Transient

HOST = "api.hubapi.com"
RESOURCE = "contact"
PAGE = 100
DEEPEST = 10_000  # rows of one search; what lies beyond is found by a new one
ALSO = ("hs_email_optout", "hs_lead_status", "lifecyclestage", "hs_analytics_source", "createdate")  # beside what is mapped

NEEDS = {"access_token": "a private app's token with crm.objects.contacts.read"}
SETTINGS = (Setting("properties", "Contact properties that are read beside the usual ones.", kind="list"),)


async def fetch(web: Web, wanted: Fetch, credentials: Credentials) -> dict[str, Any]:
    """The contact: {"id", "properties": {…}, "createdAt", …}."""
    names = ",".join(dict.fromkeys([*SENDER.mapping, *ALSO, *credentials.texts("properties")]))
    headers = _headers(credentials)
    answer = await web.get(
        HOST, f"/crm/v3/objects/contacts/{segment(wanted.external_id)}", query={"properties": names}, headers=headers
    )
    return _object(answer, credentials)


async def recent(web: Web, credentials: Credentials, cursor: Cursor, now: datetime) -> Found:
    """One page of the contacts, oldest first. A search ends at DEEPEST rows; the next one begins at the last row's time."""
    sweep = Sweep.resume(cursor, credentials, now)
    since = int(sweep.place.get("since", sweep.since.timestamp() * 1000))
    after = int(sweep.place.get("after", 0))
    answer = await web.post(
        HOST, "/crm/v3/objects/contacts/search", content=_search(since, sweep, after), headers=_headers(credentials)
    )
    found = _object(answer, credentials)
    rows = found.get("results")
    fetches = tuple(Fetch(id, RESOURCE) for id in ids_of(rows))
    following = _following(found)
    if following is None:
        return Found(sweep.done(), fetches)
    if following + PAGE <= DEEPEST:
        return Found(sweep.at(since=since, after=following), fetches, again=0)
    # At least a millisecond on, or a mass of contacts made at one moment would be searched for ever.
    last = _made(rows[-1]) if isinstance(rows, list) and rows else 0
    return Found(sweep.at(since=max(last, since + 1), after=0), fetches, again=0)


def _search(since: int, sweep: Sweep, after: int) -> dict[str, Any]:
    times = (("GTE", since), ("LT", int(sweep.until.timestamp() * 1000)))
    filters = [{"propertyName": "createdate", "operator": operator, "value": str(at)} for operator, at in times]
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "createdate", "direction": "ASCENDING"}],
        "properties": ["createdate"],
        "limit": PAGE,
        **({"after": str(after)} if after else {}),
    }


def _following(found: dict[str, Any]) -> int | None:
    """Where the next page of the search begins."""
    try:
        return int(found["paging"]["next"]["after"])
    except (KeyError, TypeError, ValueError):
        return None


def _made(row: Any) -> int:
    """When a contact was made, in milliseconds; 0 where it cannot be read."""
    try:
        at = datetime.fromisoformat(str(row["properties"]["createdate"]))
    except (KeyError, TypeError, ValueError):
        return 0
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _headers(credentials: Credentials) -> dict[str, str]:
    return {"authorization": f"Bearer {credentials.secret('access_token')}"}


def _object(answer: Answer, credentials: Credentials) -> dict[str, Any]:
    words = ""
    if answer.status >= 400:
        try:
            said = answer.json()
            words = credentials.scrub(f"({said.get('category')}) {said.get('message', '')}") if isinstance(said, dict) else ""
        except (Transient, Permanent):
            words = ""
    found = checked(answer, words).json()
    if not isinstance(found, dict):
        raise Permanent(f"{HOST} answered with no object")
    return found
