"""LinkedIn Lead Sync: a form response with the form that gives its answers their names, and the newest responses of an owner.

A response names its questions by id only, so the form is read too: once for each version, for a version never changes.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

from services.intake.clients.credentials import Credentials
from services.intake.clients.errors import Gone, Unset
from services.intake.clients.shape import Cursor, Found, Sweep, ids_of
from services.intake.clients.web import Answer, Web, checked, segment
from services.intake.domain.senders.shape import Fetch, Setting
from shared.errors import Permanent, Transient

HOST = "api.linkedin.com"
VERSION = "202606"
RESOURCE = "leadFormResponse"
PAGE = 100
FORM = re.compile(r"urn:li:leadGenForm:(\d+),(\d+)")
OWNER = re.compile(r"urn:li:(sponsoredAccount|organization):\d+")
KINDS = {"sponsoredAccount": ["SPONSORED"], "organization": ["COMPANY", "EVENT", "ORGANIZATION_PRODUCT"]}

NEEDS = {"access_token": "an OAuth token with r_marketing_leadgen_automation"}
SETTINGS = (
    Setting("owner", "Whose leads are looked through, such as urn:li:sponsoredAccount:123, for those that were not notified."),
    Setting("lead_types", "SPONSORED for an ad account; COMPANY, EVENT, ORGANIZATION_PRODUCT for an organization.", kind="list"),
    Setting("api_version", "The version of the API, as YYYYMM; LinkedIn keeps each for a year.", default=VERSION),
)


async def fetch(web: Web, wanted: Fetch, credentials: Credentials) -> dict[str, Any]:
    """{"response": …, "form": …}; the form is empty where it is gone, for the answers are worth keeping without their names."""
    response = await _ask(web, credentials, f"/rest/leadFormResponses/{segment(_id(wanted.external_id))}")
    named = FORM.search(str(response.get("versionedLeadGenFormUrn", "")))
    if named is None:
        return {"response": response, "form": {}}
    id, version = named.groups()
    try:
        form = await web.keep((HOST, id, version), lambda: _ask(web, credentials, f"/rest/leadForms/{id}"))
    except Gone:
        form = {}
    return {"response": response, "form": form}


async def recent(web: Web, credentials: Credentials, cursor: Cursor, now: datetime) -> Found:
    """One page of the owner's responses of one lead type; then the next type."""
    owner = credentials.text("owner")
    kind = OWNER.fullmatch(owner)
    if kind is None:
        raise Unset("the setting owner is no urn:li:sponsoredAccount:… or urn:li:organization:…")
    types = credentials.texts("lead_types") or KINDS[kind[1]]
    sweep = Sweep.resume(cursor, credentials, now)
    type = sweep.place["type"] if sweep.place.get("type") in types else types[0]
    start = int(sweep.place.get("start", 0)) if sweep.place.get("type") == type else 0
    listed = await _ask(web, credentials, "/rest/leadFormResponses", query=_query(owner, kind[1], type, start, sweep))
    elements = listed.get("elements")
    fetches = tuple(Fetch(id, RESOURCE) for id in ids_of(elements))
    if isinstance(elements, list) and len(elements) >= PAGE:
        return Found(sweep.at(type=type, start=start + len(elements)), fetches, again=0)
    rest = types[types.index(type) + 1 :]
    if rest:
        return Found(sweep.at(type=rest[0], start=0), fetches, again=0)
    return Found(sweep.done(), fetches)


def _query(owner: str, kind: str, type: str, start: int, sweep: Sweep) -> str:
    """Rest.li 2.0: the brackets of a record stay as they are, and what is in it is encoded. Only ids are asked for."""
    span = f"(start:{int(sweep.since.timestamp() * 1000)},end:{int(sweep.until.timestamp() * 1000)})"
    return (
        f"q=owner&owner=({kind}:{quote(owner, safe='')})&leadType=(leadType:{quote(type, safe='')})"
        f"&limitedToTestLeads=false&submittedAtTimeRange={span}&fields=id,submittedAt&count={PAGE}&start={start}"
    )


def _id(text: str) -> str:
    """The id alone, where the whole URN was kept."""
    return text.removeprefix("urn:li:leadGenFormResponse:")


async def _ask(web: Web, credentials: Credentials, path: str, query: str = "") -> dict[str, Any]:
    version = credentials.text("api_version", VERSION)
    if not re.fullmatch(r"20\d{4}", version):
        raise Unset(f"the setting api_version is no version of the API, such as {VERSION}")
    headers = {
        "authorization": f"Bearer {credentials.secret('access_token')}",
        "linkedin-version": version,
        "x-restli-protocol-version": "2.0.0",
    }
    answer = await web.get(HOST, path, query=query, headers=headers)
    found = checked(answer, _words(answer, credentials)).json()
    if not isinstance(found, dict):
        raise Permanent(f"{HOST} answered with no object")
    return found


def _words(answer: Answer, credentials: Credentials) -> str:
    """What LinkedIn says of its error: {status, message, serviceErrorCode}."""
    if answer.status < 400:
        return ""
    try:
        error = answer.json()
    except (Transient, Permanent):
        return ""
    return credentials.scrub(f"({error.get('serviceErrorCode')}) {error.get('message', '')}") if isinstance(error, dict) else ""
