"""Keeping scorecards and definitions: drafts, what both sides agreed to, and which version is active."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.scoring.domain import qualification, scorecard
from services.scoring.domain.qualification import Approval, Side
from services.scoring.handlers.versions import problems_of
from services.scoring.store import documents as store
from services.scoring.store.documents import Kind, Stored
from shared.auth import Caller, Role
from shared.contracts.vocabulary import FACTS
from shared.db.uow import UnitOfWork
from shared.errors import FieldError, Refused, conflict, invalid, not_found
from shared.rules import Problem

NOUN = {Kind.SCORECARD: "scorecard version", Kind.DEFINITION: "version of the qualification definition"}
SIDES = {Role.MARKETING: Side.MARKETING, Role.SALES_MANAGER: Side.SALES}  # who speaks for which side


def lint(kind: Kind, document: object) -> list[Problem]:
    """All that is wrong with a document, warnings among it."""
    return (scorecard.lint if kind is Kind.SCORECARD else qualification.lint)(document, FACTS)


def refuse_faults(kind: Kind, document: object, at: str = "") -> list[Problem]:
    """The warnings about a document found at `at` in a body. Raises Refused (422) with everything that is an error."""
    problems = lint(kind, document)
    if faults := [problem for problem in problems if problem.severity == "error"]:
        errors = [FieldError(at + problem.path, sentence(problem)) for problem in faults]
        raise Refused(422, "invalid", detail="; ".join(f"{e.field}: {e.message}" for e in errors), errors=errors)
    return problems


def sentence(problem: Problem) -> str:
    if problem.line is None:
        return problem.message
    return f"line {problem.line}, column {problem.column}: {problem.message}"


async def get(kind: Kind, version: int | None, uow: UnitOfWork) -> Stored:
    """That version, or the active one. Raises Refused (404)."""
    found = await store.get_version(uow, kind, version)
    if found is None:
        raise not_found(NOUN[kind], version or "active")
    return found


async def create_draft(kind: Kind, document: dict[str, Any], uow: UnitOfWork, *, by: str) -> tuple[Stored, Sequence[Problem]]:
    """The next version, a draft, with warnings about it. Raises Refused (422) with everything that is wrong with it."""
    warnings = refuse_faults(kind, document)
    await store.lock_documents(uow)
    return await store.insert_draft(uow, kind, document, by=by), warnings


async def approve_definition(version: int, side: Side | None, uow: UnitOfWork, *, caller: Caller) -> Stored:
    """Keeps that one side agrees. Raises Refused: 403 for somebody of the other side, 422 where an administrator names none, 404."""
    own = SIDES.get(caller.role)
    if own and side and side is not own:
        raise Refused(403, "forbidden", detail=f"Your role is {caller.role}, which speaks for {own}, not for {side}.")
    speaks_for = own or side
    if speaks_for is None:
        raise invalid("/side", "name the side that agrees: marketing or sales")
    await store.lock_documents(uow)
    found = await store.approve(uow, version, speaks_for, by=caller.subject)
    if found is None:
        raise not_found(NOUN[Kind.DEFINITION], version)
    return found


async def activate(kind: Kind, version: int, uow: UnitOfWork, *, by: str) -> Stored:
    """Makes a version the active one. Raises Refused: 404, 409 for a definition that a side has not approved.

    Nor is a version activated of which a newer program cannot read all (409 with what it is): it would score by what is left.
    """
    await store.lock_documents(uow)
    found = await get(kind, version, uow)
    if kind is Kind.DEFINITION and (missing := qualification.missing_sides(approvals_of(found))):
        raise conflict("not-approved", f"Version {version} is not approved by {' and '.join(missing)} yet.")
    if left_out := problems_of(kind, found.document):
        errors = [FieldError(problem.path, sentence(problem)) for problem in left_out]
        detail = f"Version {version} cannot be read any more: " + "; ".join(f"{e.field}: {e.message}" for e in errors)
        raise Refused(409, "unreadable", detail=detail, errors=errors)
    return await store.activate(uow, kind, version, by=by)


def approvals_of(stored: Stored) -> list[Approval]:
    return [Approval(Side(side), said["by"], said["at"]) for side, said in stored.approvals.items()]
