"""/v1/contacts: the persons behind the leads; merging, forgetting, telling what we hold, and whom we must not take."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from services.intake import domain
from services.intake.domain.identity import Identifier, kind_of
from services.intake.handlers import erasure, merging, persons
from services.intake.handlers.erasure import Why
from services.intake.handlers.merging import Grounds
from services.intake.store import contacts as store
from services.intake.store import matches, suppressions
from services.intake.store.persons import page_of_contacts
from shared.auth import Caller, Role
from shared.db.uow import Row
from shared.errors import conflict, invalid, not_found
from shared.web.requests import Body, OnceOnly, Uow, allow, cause_of
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

router = APIRouter(tags=["contacts"])

Admin = Annotated[Caller, allow(Role.MARKETING, Role.SALES_MANAGER)]
Eraser = Annotated[Caller, allow(Role.MARKETING)]
Mail = Annotated[str | None, Query(max_length=300)]
Number = Annotated[str | None, Query(max_length=60, description="With its country code")]


class PersonIn(Body):
    """Somebody, by an e-mail address or a phone number."""

    email: str | None = Field(None, max_length=300)
    phone: str | None = Field(None, max_length=60, description="With its country code: +1 202 555 0101")

    def identifiers(self) -> list[Identifier]:
        """Raises Refused (422) where nothing of it tells who is meant."""
        found = list(domain.identify({"email": self.email, "phone": self.phone}))
        if not found:
            raise invalid("/email", "needs an e-mail address or a phone number with its country code, and a valid one")
        return found


# -- The suppression list: before /v1/contacts/{id}, whose pattern would take its name for an id -----------------------------------


class SuppressionIn(PersonIn):
    reason: str = Field("asked", min_length=1, max_length=200)


@router.post("/v1/contacts/suppressions", status_code=201, summary="Take somebody no more")
async def post_suppression(body: SuppressionIn, uow: Uow, caller: Eraser, once: OnceOnly) -> Response:
    """Leads of this person are refused from now on. Kept is a digest, not the address; the leads there are stay."""
    keys = [identifier.key for identifier in body.identifiers()]

    async def work() -> dict[str, Any]:
        await suppressions.add(uow, keys, reason=body.reason, by=caller.subject)
        return {"items": [_suppression(row._asdict()) for key in keys if (row := await suppressions.get(uow, key))]}

    return await once(work, status=201)


@router.get("/v1/contacts/suppressions", summary="The suppression list, oldest first; or whether somebody is on it")
async def get_suppressions(
    uow: Uow, _: Eraser, limit: Limit = 100, cursor: Cursor = None, email: Mail = None, phone: Number = None
) -> Response:
    if email or phone:
        keys = [identifier.key for identifier in PersonIn(email=email, phone=phone).identifiers()]
        rows = [row for key in keys if (row := await suppressions.get(uow, key))]
        return json_response({"items": [_suppression(row._asdict()) for row in rows], "next": None})
    after = decode_cursor(cursor, tuple[datetime, str])
    found = await suppressions.page(uow, after=(after[0], b64decode(after[1])) if after else None, limit=limit + 1)
    page = page_of(found, limit=limit, key=lambda row: (row["created_at"], b64encode(row["key"]).decode()))
    return json_response({**page, "items": [_suppression(row) for row in page["items"]]})


@router.delete("/v1/contacts/suppressions/{key}", status_code=204, summary="Take somebody again")
async def delete_suppression(key: Annotated[str, Field(pattern="^[0-9a-f]{32}$")], uow: Uow, _: Eraser) -> None:
    if not await suppressions.remove(uow, bytes.fromhex(key)):
        raise not_found("suppression", key)


def _suppression(row: Row) -> dict[str, Any]:
    shown = {name: row[name] for name in ("kind", "reason", "created_at", "created_by")}
    return {"key": row["key"].hex(), **shown}


# -- Matches: what fuzzy evidence suggests -------------------------------------------------------------------------------------------


@router.get("/v1/contacts/matches", summary="What fuzzy evidence says, newest first")
async def get_matches(
    uow: Uow,
    _: Admin,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[str | None, Query(pattern="^(merged|suggested|dismissed|undone)$")] = None,
    contact_id: UUID | None = None,
) -> Response:
    """Each with the evidence, which names fields and not their values. `suggested` ones wait for a person's word."""
    before = decode_cursor(cursor, tuple[UUID])
    found = await matches.page_of_matches(
        uow, state=state, contact_id=contact_id, before=before[0] if before else None, limit=limit + 1
    )
    return json_response(page_of([dict(row) for row in found], limit=limit, key=lambda row: (row["id"],)))


@router.post("/v1/contacts/matches/{id}/merge", summary="Yes: these are one person")
async def post_match_merge(id: UUID, request: Request, uow: Uow, caller: Admin, once: OnceOnly) -> Response:
    """The younger contact is merged into the older."""

    async def work() -> dict[str, Any]:
        match = await _suggested(id, uow)
        winner, loser = sorted((match["contact_id"], match["other_id"]))
        grounds = Grounds(caller.subject, cause_of(request), match["score"], persons.evidence_of(match["evidence"]))
        merged = await merging.merge_contacts(loser, winner, uow, grounds)
        await matches.decide_match(uow, id, "merged", by=caller.subject)
        return vars(merged)

    return await once(work)


@router.post("/v1/contacts/matches/{id}/dismiss", summary="No: these are two persons")
async def post_match_dismiss(id: UUID, uow: Uow, caller: Admin, once: OnceOnly) -> Response:
    """They are not suggested again."""

    async def work() -> dict[str, Any]:
        await _suggested(id, uow)
        await matches.decide_match(uow, id, "dismissed", by=caller.subject)
        return {"id": id, "state": "dismissed"}

    return await once(work)


async def _suggested(id: UUID, uow: Uow) -> Row:
    match = await matches.get_match(uow, id)
    if match is None:
        raise not_found("match", id)
    if match["state"] != "suggested":
        raise conflict("decided", f"This match is {match['state']} already.")
    return match


# -- Contacts ------------------------------------------------------------------------------------------------------------------------


@router.get("/v1/contacts", summary="Contacts, newest first, or who has an address or a number")
async def get_contacts(
    uow: Uow, _: Admin, limit: Limit = 50, cursor: Cursor = None, email: Mail = None, phone: Number = None
) -> Response:
    keys = [i.key for i in PersonIn(email=email, phone=phone).identifiers()] if email or phone else []
    before = decode_cursor(cursor, tuple[UUID])
    found = await page_of_contacts(uow, keys=keys, before=before[0] if before else None, limit=limit + 1)
    page = page_of([store.contact_of(row) for row in found], limit=limit, key=lambda contact: (contact.id,))
    return json_response({**page, "items": [_contact(contact) for contact in page["items"]]})


def _contact(contact: store.Contact) -> dict[str, Any]:
    return {
        "id": contact.id,
        "created_at": contact.created_at,
        "profile": contact.profile,
        "known_by": sorted(kind_of(key).value for key in contact.keys),
        "last_lead_id": contact.last_lead_id,
        "last_lead_at": contact.last_lead_at,
        "merged_into": contact.merged_into,
        "erased_at": contact.erased_at,
    }


@router.get("/v1/contacts/{id}", summary="One contact, with its leads")
async def get_contact(id: UUID, uow: Uow, _: Admin) -> dict[str, Any]:
    contact = await store.get_contact(uow, id)
    if contact is None:
        raise not_found("contact", id)
    return {**_contact(contact), "leads": await persons.leads_of_contact(contact, uow)}


@router.get("/v1/contacts/{id}/export", summary="All that intake holds on a person")
async def get_export(id: UUID, uow: Uow, _: Eraser) -> Response:
    """One JSON document to give to the person: leads, raw deliveries, consents, activities, lists, and who they were merged with.

    `elsewhere` names the address of each lead's timeline, which the tracker holds. `python -m services export ID` brings all into one file.
    """
    document = await persons.export(id, uow)
    headers = {"Content-Disposition": f'attachment; filename="contact-{id}.json"'}
    return Response(json_response(document).body, headers=headers, media_type="application/json")


class MergeIn(Body):
    into: UUID = Field(description="The contact that stays")


@router.post("/v1/contacts/{id}/merge", summary="Merge a contact into another")
async def post_merge(id: UUID, body: MergeIn, request: Request, uow: Uow, caller: Admin, once: OnceOnly) -> Response:
    """Its leads that are the same interest are merged into the other's last lead; the rest become the other's."""

    async def work() -> dict[str, Any]:
        return vars(await merging.merge_contacts(id, body.into, uow, Grounds(caller.subject, cause_of(request))))

    return await once(work)


@router.post("/v1/contacts/{id}/unmerge", summary="Undo a merge, exactly")
async def post_unmerge(id: UUID, request: Request, uow: Uow, caller: Admin, once: OnceOnly) -> Response:
    """Both contacts are as before; what came since stays with the other. A restored lead goes back to its owner, or to routing."""

    async def work() -> dict[str, Any]:
        return vars(await merging.unmerge_contact(id, uow, by=caller.subject, cause=cause_of(request)))

    return await once(work)


@router.delete("/v1/contacts/{id}", status_code=202, summary="Forget a person")
async def delete_contact(
    id: UUID,
    request: Request,
    uow: Uow,
    caller: Eraser,
    suppress: Annotated[bool, Query(description="And take them no more")] = False,
) -> Response:
    """Erases the person here and in every service behind. The report says which have confirmed, and when the topics are clean."""
    why = Why(caller.subject, "request", cause_of(request))
    erased = await erasure.erase_contact(id, uow, why, suppress=suppress)
    report = f"/v1/reports/erasures/{erased.contact_id}"
    return json_response({**vars(erased), "report": report}, 202)
