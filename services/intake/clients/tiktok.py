"""TikTok Lead Generation: one lead, and all leads of a form as TikTok exports them (Marketing API v1.3).

TikTok answers errors with status 200 and a code of its own. What it has of a form comes as an export only: a task is started, asked
after until it is done, and the file is read at once, for it is gone after ten minutes. Leads lie in three regions that know nothing of
each other: without its header a region's leads are silently missing. The rows hold the whole lead, so nothing is fetched for them.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

from services.intake.clients.credentials import Credentials
from services.intake.clients.errors import Denied, Gone, Throttled, Unset
from services.intake.clients.shape import Cursor, Found, Sweep
from services.intake.clients.web import ID, Answer, Web, checked
from services.intake.domain.senders.shape import Fetch, Setting
from shared.errors import HandoffError, Permanent, Transient

HOST = "business-api.tiktok.com"
API = "/open_api/v1.3"
REGIONS = ("", "us", "eu")  # the rest of the world has no header
EXPORT = 12 * 1024 * 1024  # bytes; above 10 MiB TikTok sends an archive
PATIENCE = 10.0  # seconds between two looks at a task
LOOKS = 60  # at one task; then the export is given up until the next sweep

# The columns of an export that are not the form's questions, and what they are in the answer of one lead.
META = {
    "lead id": "lead_id",
    "created time": "create_time",
    "ad id": "ad_id",
    "ad name": "ad_name",
    "adgroup id": "adgroup_id",
    "adgroup name": "adgroup_name",
    "campaign id": "campaign_id",
    "campaign name": "campaign_name",
    "form id": "page_id",
    "form name": "page_name",
}
# The usual questions as an English form labels them, and as a notification calls them.
USUAL = {
    "email": "email",
    "phone number": "phone_number",
    "name": "name",
    "full name": "name",
    "first name": "first_name",
    "last name": "last_name",
}

NEEDS = {"access_token": "a long-term token of an administrator of the ad account, with Leads Retrieval"}
SETTINGS = (
    Setting("advertiser_id", "The ad account's id; or library_id, where its leads were moved to a Business Center."),
    Setting("library_id", "The form library's id, instead of advertiser_id."),
    Setting("page_ids", "The ids of the forms that are looked through for leads of which no notification came.", kind="list"),
    Setting("regions", "Where leads are stored: us, eu, and other for the rest. All three where it is left out.", kind="list"),
)


async def fetch(web: Web, wanted: Fetch, credentials: Credentials) -> dict[str, Any]:
    """{"data": {"lead_data": {question: answer}, "meta_data": {"lead_id", …}}}. Raises Gone where TikTok answers with another lead.

    Whether lead/get looks at lead_id is not sure, so the answer is believed only where it names the lead that was asked for.
    """
    hints = {name: str(wanted.hints[name]) for name in ("page_id", "lead_source") if wanted.hints.get(name)}
    query = {**_account(credentials), "lead_source": "INSTANT_FORM", **hints, "lead_id": wanted.external_id}
    data = _data(await web.get(HOST, f"{API}/lead/get/", query=query, headers=_headers(credentials)), credentials)
    about = data.get("meta_data")
    if not isinstance(about, dict) or str(about.get("lead_id")) != wanted.external_id:
        raise Gone(f"{HOST} did not answer with the lead that was asked for")
    return {"data": data}


async def recent(web: Web, credentials: Credentials, cursor: Cursor, now: datetime) -> Found:
    """One step of the export of one form in one region: start the task, look after it, or read its file and go on to the next."""
    pages, regions = credentials.texts("page_ids"), _regions(credentials)
    if not pages:
        raise Unset("set page_ids, so that leads are found of which no notification came")
    sweep = Sweep.resume(cursor, credentials, now)
    exports = [[page, region] for page in pages for region in regions]
    place = sweep.place if [sweep.place.get("page"), sweep.place.get("region")] in exports else {}
    page, region = [place["page"], place["region"]] if place else exports[0]
    state, task = await _task(web, credentials, page, region, place.get("task", ""))
    looks, missed = place.get("looks", 0) + 1, place.get("missed", False)
    if state not in ("SUCCEED", "FAILED") and looks < LOOKS:
        return Found(sweep.at(page=page, region=region, task=task, looks=looks, missed=missed), again=PATIENCE)
    answers, trouble = await _read(web, credentials, region, task, sweep) if state == "SUCCEED" else ({}, "it was not finished")
    trouble = trouble and f"form {page}, region {region or 'other'}: {trouble}"
    missed = missed or trouble is not None
    following = exports[exports.index([page, region]) + 1 :]
    if not following:
        return Found(sweep.done(complete=not missed), answers=answers, trouble=trouble)
    page, region = following[0]
    return Found(sweep.at(page=page, region=region, missed=missed), answers=answers, again=0, trouble=trouble)


async def _read(web: Web, credentials: Credentials, region: str, task: str, sweep: Sweep) -> tuple[dict[str, Any], str | None]:
    """The leads of an export, and what is wrong with it. One that cannot be read does not hold up the others."""
    try:
        return await _export(web, credentials, region, task, sweep), None
    except Denied:
        raise
    except Permanent as error:
        return {}, str(error)


async def _task(web: Web, credentials: Credentials, page: str, region: str, task: str) -> tuple[str, str]:
    """Starts an export, or asks after one: its state (CREATED, RUNNING, SUCCEED, FAILED) and id."""
    content = {**_account(credentials), "page_id": page, **({"task_id": task} if task else {})}
    answer = await web.post(HOST, f"{API}/page/lead/task/", content=content, headers=_headers(credentials, region))
    data = _data(answer, credentials)
    task = str(data.get("task_id") or task)
    if not ID.fullmatch(task):
        raise Permanent(f"{HOST} gave the export no id")
    return str(data.get("status", "")).upper(), task


async def _export(web: Web, credentials: Credentials, region: str, task: str, sweep: Sweep) -> dict[str, Any]:
    query = {**_account(credentials), "task_id": task}
    headers = _headers(credentials, region)
    answer = await web.get(HOST, f"{API}/page/lead/task/download/", query=query, headers=headers, limit=EXPORT)
    body = checked(answer).body
    if body.lstrip()[:1] == b"{":
        _data(answer, credentials)
        raise Transient(f"{HOST} answered with no export")
    if body[:4] == b"PK\x03\x04":
        raise Permanent("the export is larger than 10 MB and comes as an archive: import it as a list")
    return _rows(body, sweep.since)


def _rows(body: bytes, since: datetime) -> dict[str, Any]:
    """The rows of an export as answers of one lead each, by the lead's id; those made before `since` are left out."""
    rows = csv.reader(io.StringIO(body.decode("utf-8-sig", "replace"), newline=""))
    labels = [label.strip() for label in next(rows, [])]
    names = [label.lower().replace("_", " ") for label in labels]
    if labels and "lead id" not in names:
        raise Permanent(f"{HOST} sent an export without a column for the lead's id")
    found: dict[str, Any] = {}
    for row in rows:
        about: dict[str, str] = {}
        data: dict[str, str] = {}
        for label, name, cell in zip(labels, names, row, strict=False):
            if value := cell.strip():
                # The first column of a name is TikTok's own; a question may be called the same.
                if name in META:
                    about.setdefault(META[name], value.strip("='\"\t"))  # ids are at times wrapped against spreadsheets
                else:
                    data.setdefault(USUAL.get(name, label), value)
        at = _time(about.get("create_time", ""))
        if ID.fullmatch(about.get("lead_id", "")) and (at is None or at >= since):
            found[about["lead_id"]] = {"data": {"lead_data": data, "meta_data": about}}
    return found


def _time(text: str) -> datetime | None:
    """TikTok's times are UTC, at times with "(UTC+00:00)" behind."""
    try:
        return datetime.fromisoformat(text.partition("(")[0].strip()).replace(tzinfo=UTC)
    except ValueError:
        return None


def _regions(credentials: Credentials) -> list[str]:
    asked = ["" if region == "other" else region for region in credentials.texts("regions")]
    return [region for region in REGIONS if region in asked] or list(REGIONS)


def _account(credentials: Credentials) -> dict[str, str]:
    library = credentials.text("library_id", "")
    return {"library_id": library} if library else {"advertiser_id": credentials.text("advertiser_id")}


def _headers(credentials: Credentials, region: str = "") -> dict[str, str]:
    return {"access-token": credentials.secret("access_token"), **({"x-lead-region": region} if region else {})}


def _data(answer: Answer, credentials: Credentials) -> dict[str, Any]:
    """What is in TikTok's envelope {code, message, data}. Raises what a code other than 0 means."""
    envelope = checked(answer).json()
    if not isinstance(envelope, dict):
        raise Permanent(f"{HOST} answered with no object")
    if envelope.get("code") != 0:
        raise _fault(answer, envelope, credentials)
    data = envelope.get("data")
    return data if isinstance(data, dict) else {}


def _fault(answer: Answer, envelope: dict[str, Any], credentials: Credentials) -> HandoffError:
    code = envelope.get("code")
    number = code if isinstance(code, int) else 0
    words = credentials.scrub(f"({code}) {envelope.get('message', '')}")
    message = f"{HOST} answered {words}"
    if number in (40100, 40133):
        return Throttled(message, answer.retry_after or 60)
    if number == 40001 or 40101 <= number <= 40119:  # no permission; the token is missing, wrong, expired or revoked
        return Denied(message)
    if number == 40007:
        return Gone(message)
    if number >= 50000:
        return Transient(message)
    return Permanent(message)
