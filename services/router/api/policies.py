"""Policies over HTTP: drafted, linted, compared, activated, rolled back."""

from __future__ import annotations

from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Path, Query, Request, Response

from services.router import store
from services.router.api.callers import Manager, Reader
from services.router.api.documents import BODY, Document
from services.router.domain import SCHEMA
from services.router.handlers import policies
from services.router.handlers.policies import Judged
from shared.db.uow import Row
from shared.rules import Problem
from shared.web.requests import OnceOnly, Uow, cause_of
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of

router = APIRouter(tags=["policies"])

MAX_VERSION = 2**31 - 1
Version = Annotated[int, Path(ge=1, le=MAX_VERSION)]
Activate = Annotated[bool, Query(description="In one step: active at once, or refused with its errors and not kept")]
Form = Annotated[str, Query(pattern="^(json|yaml)$", description="json, or yaml: the document alone")]


# -- Reading ---------------------------------------------------------------------------------------------------------------------


@router.get("/v1/policies", summary="Policy versions, newest first")
async def get_policies(uow: Uow, _: Reader, limit: Limit = 20, cursor: Cursor = None) -> Response:
    before = decode_cursor(cursor, tuple[int])
    rows = await store.page_of_policies(uow, before=before[0] if before else None, limit=limit + 1)
    return json_response(page_of([_summary(row) for row in rows], limit=limit, key=lambda row: (row["version"],)))


@router.get("/v1/policies/schema", summary="The shape of a policy document, as a JSON Schema")
async def get_schema(_: Reader) -> Response:
    return json_response(SCHEMA)


@router.get("/v1/policies/active", summary="The active policy")
async def get_active_policy(uow: Uow, _: Reader, format: Form = "json") -> Response:
    return _shown(await policies.find(uow, await store.active_version(uow)), format)


@router.get("/v1/policies/{version}", summary="One policy version")
async def get_policy(version: Version, uow: Uow, _: Reader, format: Form = "json") -> Response:
    """`members` is who was in each pool when the version was activated, by names and rules of then."""
    return _shown(await policies.find(uow, version), format)


@router.get("/v1/policies/{version}/diff", summary="What a version changes in another")
async def get_diff(
    version: Version,
    uow: Uow,
    _: Reader,
    against: Annotated[int | None, Query(ge=1, le=MAX_VERSION, description="The other version; the active one without")] = None,
) -> Response:
    """Rules are compared by name, members by agent: one more rule is one difference, wherever it stands."""
    other, differences = await policies.compare(version, against, uow)
    return json_response({"version": version, "against": other, "differences": differences})


@router.get("/v1/policies/{version}/audit", summary="Who did what to a version, and when; newest first")
async def get_audit(version: Version, uow: Uow, _: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    await policies.find(uow, version)
    before = decode_cursor(cursor, tuple[int])
    rows = await store.page_of_actions(uow, version, before=before[0] if before else None, limit=limit + 1)
    return json_response(page_of([dict(row) for row in rows], limit=limit, key=lambda row: (row["id"],)))


# -- Writing ---------------------------------------------------------------------------------------------------------------------


@router.post("/v1/policies", status_code=201, summary="A new policy, as a draft", openapi_extra=BODY)
async def post_policy(
    document: Document, request: Request, uow: Uow, caller: Manager, once: OnceOnly, activate: Activate = False
) -> Response:
    """A draft is kept with whatever is wrong in it, and the answer says what that is; only one of the wrong shape is refused."""

    async def work() -> dict[str, Any]:
        if activate:
            return activated(await policies.post_policy(document, uow, by=caller.subject, cause=cause_of(request)))
        return _judged(await policies.create_draft(document, uow, by=caller.subject))

    return await once(work, status=201)


@router.put("/v1/policies/{version}", summary="Write a draft anew", openapi_extra=BODY)
async def put_policy(version: Version, document: Document, uow: Uow, caller: Manager) -> Response:
    """A version that was active stays what it was."""
    return json_response(_judged(await policies.change_draft(version, document, uow, by=caller.subject)))


@router.post("/v1/policies/{version}/lint", summary="What is wrong with a version, as agents and leads are now")
async def post_lint(version: Version, uow: Uow, caller: Manager) -> Response:
    return json_response(_judged(await policies.lint_policy(version, uow, by=caller.subject)))


@router.post("/v1/policies/{version}/activate", status_code=201, summary="Let a version take effect")
async def post_activation(version: Version, request: Request, uow: Uow, caller: Manager, once: OnceOnly) -> Response:
    """Refused while it has errors. Of a version that was active already a new one is made, so that history reads forward."""

    async def work() -> dict[str, Any]:
        return activated(await policies.activate_version(version, uow, by=caller.subject, cause=cause_of(request)))

    return await once(work, status=201)


@router.post("/v1/policies/{version}/rollback", status_code=201, summary="Go back to a version that was active before")
async def post_rollback(version: Version, request: Request, uow: Uow, caller: Manager, once: OnceOnly) -> Response:
    """Its document becomes a new version, so that history reads forward."""

    async def work() -> dict[str, Any]:
        return activated(await policies.roll_back(version, uow, by=caller.subject, cause=cause_of(request)))

    return await once(work, status=201)


# -- Answers ---------------------------------------------------------------------------------------------------------------------


def problem_out(problem: Problem) -> dict[str, Any]:
    """A problem for a person: `line` and `column` are the place within a condition's text."""
    out: dict[str, Any] = {"field": problem.path, "message": problem.message, "severity": problem.severity}
    return {**out, "line": problem.line, "column": problem.column} if problem.line else out


def activated(judged: Judged) -> dict[str, Any]:
    return {"version": judged.version, "warnings": [problem_out(one) for one in judged.problems]}


def _judged(judged: Judged) -> dict[str, Any]:
    ready = not any(problem.severity == "error" for problem in judged.problems)
    return {"version": judged.version, "can_be_activated": ready, "problems": [problem_out(one) for one in judged.problems]}


def _summary(row: Row) -> dict[str, Any]:
    return {**row, "state": _state(row)}


def _state(row: Row) -> str:
    if row["activated_at"] is None:
        return "draft"
    return "active" if row["active"] else "retired"


def _shown(row: Row, format: str) -> Response:
    document = policies.document_of(row)
    if format == "yaml":
        text = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=120)
        return Response(text, media_type="application/yaml")
    return json_response({**row, "state": _state(row), "document": document})
