"""Meta Lead Ads: a lead by its leadgen_id, and the newest leads of a form (Graph API).

The token goes in a header, never in the address. Where the app's secret is known each call proves it (appsecret_proof), so that a stolen
token alone is worth nothing. Meta answers errors of every kind with status 400: its own code says whose fault it is.
"""

from __future__ import annotations

import hmac
import json
import re
from datetime import datetime
from hashlib import sha256
from typing import Any

from services.intake.clients.credentials import Credentials
from services.intake.clients.errors import Denied, Gone, Throttled, Unset
from services.intake.clients.shape import Cursor, Found, Sweep, ids_of
from services.intake.clients.web import Answer, Web, checked, fault, segment
from services.intake.domain.senders.shape import Fetch, Setting
from shared.errors import HandoffError, Permanent, Transient

HOST = "graph.facebook.com"
VERSION = "v24.0"
RESOURCE = "lead"
PAGE = "100"
FIELDS = (
    "id,created_time,ad_id,ad_name,adset_id,adset_name,campaign_id,campaign_name,form_id,field_data,is_organic,platform,"
    "partner_name,retailer_item_id,custom_disclaimer_responses,home_listing,vehicle"
)

NEEDS = {
    "access_token": "a long-lived Page token with leads_retrieval",
    "app_secret": "the app's secret; where it is given, each call proves it (appsecret_proof)",
}
SETTINGS = (
    Setting("form_ids", "The ids of the forms that are looked through for leads of which no notification came.", kind="list"),
    Setting("api_version", "The version of the Graph API.", default=VERSION),
)

SILENCE = 300  # seconds, where Meta says that it was called too often and not for how long


async def fetch(web: Web, wanted: Fetch, credentials: Credentials) -> dict[str, Any]:
    """The lead as the Graph API has it."""
    return await _ask(web, credentials, wanted.external_id, fields=FIELDS)


async def recent(web: Web, credentials: Credentials, cursor: Cursor, now: datetime) -> Found:
    """One page of one form's leads, newest first; then the next form. A form that is gone does not hold up the others."""
    forms = credentials.texts("form_ids")
    if not forms:
        raise Unset("set form_ids, so that leads are found of which no notification came")
    sweep = Sweep.resume(cursor, credentials, now)
    form = sweep.place["form"] if sweep.place.get("form") in forms else forms[0]
    after: str | None = None
    fetches: tuple[Fetch, ...] = ()
    trouble: str | None = None
    try:
        listed = await _list(web, credentials, form, sweep)
        after = _after(listed)
        fetches = tuple(Fetch(id, RESOURCE, {"form_id": form}) for id in ids_of(listed.get("data")))
    except Gone as error:
        trouble = f"form {form}: {error}"
    if after:
        return Found(sweep.at(form=form, after=after), fetches, again=0)
    rest = forms[forms.index(form) + 1 :]
    if rest:
        return Found(sweep.at(form=rest[0]), fetches, again=0, trouble=trouble)
    return Found(sweep.done(), fetches, trouble=trouble)


async def _list(web: Web, credentials: Credentials, form: str, sweep: Sweep) -> dict[str, Any]:
    newer = [{"field": "time_created", "operator": "GREATER_THAN", "value": int(sweep.since.timestamp()) - 1}]
    place = {"after": sweep.place["after"]} if "after" in sweep.place else {}
    # Only ids are asked for: what is known already is not read again.
    return await _ask(web, credentials, form, "leads", fields="id,created_time", limit=PAGE, filtering=json.dumps(newer), **place)


def _after(listed: dict[str, Any]) -> str | None:
    """Where the next page begins. The `next` address is not used: it holds the token."""
    paging = listed.get("paging")
    if not isinstance(paging, dict) or "next" not in paging:
        return None
    after = (paging.get("cursors") or {}).get("after")
    return str(after) if after else None


async def _ask(web: Web, credentials: Credentials, *path: str, **query: str) -> dict[str, Any]:
    token = credentials.secret("access_token")
    if credentials.secrets.get("app_secret"):
        query["appsecret_proof"] = hmac.new(credentials.secret("app_secret").encode(), token.encode(), sha256).hexdigest()
    target = "/".join(["", _version(credentials), *map(segment, path)])
    answer = await web.get(HOST, target, query=query, headers={"authorization": f"Bearer {token}"})
    if answer.status >= 400:
        raise _fault(answer, credentials)
    found = checked(answer).json()
    if not isinstance(found, dict):
        raise Permanent(f"{HOST} answered with no object")
    return found


def _version(credentials: Credentials) -> str:
    version = credentials.text("api_version", VERSION)
    if not re.fullmatch(r"v\d{1,3}\.\d", version):
        raise Unset(f"the setting api_version is no version of the Graph API, such as {VERSION}")
    return version


def _fault(answer: Answer, credentials: Credentials) -> HandoffError:
    """What Meta's error code means (Graph API, "Handling errors" and "Rate limits"); where it says nothing, the status decides."""
    try:
        error = answer.json().get("error")
    except (Transient, AttributeError):
        error = None
    if not isinstance(error, dict):
        return fault(answer)
    code, subcode = error.get("code"), error.get("error_subcode")
    words = credentials.scrub(f"({code}{f'/{subcode}' if subcode else ''}) {error.get('message', '')}")
    message = f"{HOST} answered {answer.status}: {words}"
    number = code if isinstance(code, int) else 0
    if number in (4, 17, 32, 613) or 80000 <= number <= 80014:
        return Throttled(message, answer.retry_after or SILENCE)
    if number in (10, 102, 190) or 200 <= number <= 299 or (number == 100 and "appsecret_proof" in words):
        return Denied(message)
    if (
        number == 100 and subcode == 33
    ):  # "does not exist, or cannot be loaded due to missing permissions": Meta does not say which
        return Gone(message)
    if number in (1, 2) or error.get("is_transient") is True:
        return Transient(message, answer.retry_after or 1)
    return fault(answer, words)
