"""The life of a policy: drafted, linted, activated, rolled back; and each step kept with who took it and when.

A draft keeps its version when it is activated. What was active before becomes active again as a new version, so that history reads forward.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from services.router import store
from services.router.domain import (
    Difference,
    Draft,
    InvalidPolicy,
    Member,
    Pool,
    differences,
    enrol,
    in_second_form,
    lint,
    read_draft,
)
from services.router.domain.policy import joined_and_left, of_lead
from services.router.handlers.activation import refused, take_effect
from services.router.handlers.memory import active_policy
from services.router.handlers.profiles import profiles_for, qualifications_given
from services.router.handlers.scenarios import check_tests, faults_of_tests
from shared.contracts.envelope import Cause
from shared.contracts.vocabulary import FACTS
from shared.db.uow import Row, UnitOfWork
from shared.errors import conflict, not_found
from shared.rules import Problem

Document = Mapping[str, Any]


class Action(StrEnum):
    """What is kept of a version's life. A closed list."""

    CREATED = "created"
    EDITED = "edited"
    LINTED = "linted"
    PREVIEWED = "previewed"
    TESTED = "tested"
    ACTIVATED = "activated"
    ROLLED_BACK = "rolled_back"  # made from an older version


@dataclass(frozen=True)
class Judged:
    """A version, and what lint found in it."""

    version: int
    problems: list[Problem]


# -- Drafts ----------------------------------------------------------------------------------------------------------------------


async def create_draft(document: object, uow: UnitOfWork, *, by: str) -> Judged:
    """Keeps a policy that is not active yet, with whatever lint finds in it. Raises Refused (422) for one of the wrong shape."""
    draft = read(document)
    version = await store.insert_draft(uow, draft.document, by)
    await store.record_action(uow, version, Action.CREATED, by, {})
    return Judged(version, await _problems(uow, draft))


async def change_draft(version: int, document: object, uow: UnitOfWork, *, by: str) -> Judged:
    """Raises Refused (409) for a version that was active: it stays what it was."""
    await _draft(uow, version)
    draft = read(document)
    await store.change_draft(uow, version, draft.document, by)
    await store.record_action(uow, version, Action.EDITED, by, {})
    return Judged(version, await _problems(uow, draft))


async def lint_policy(version: int, uow: UnitOfWork, *, by: str) -> Judged:
    """What is wrong with a version now: agents may have changed since it was written."""
    row = await find(uow, version)
    problems = await _problems(uow, read(row["document"]))
    counts = {kind: sum(problem.severity == kind for problem in problems) for kind in ("error", "warning")}
    await store.record_action(uow, version, Action.LINTED, by, counts)
    return Judged(version, problems)


async def compare(version: int, against: int | None, uow: UnitOfWork) -> tuple[int, list[Difference]]:
    """What this version changes in another one, which is the active one where none is named: that one's version, and where they differ."""
    row = await find(uow, version)
    other = await find(uow, await store.active_version(uow) if against is None else against)
    return other["version"], differences(document_of(other), document_of(row))


# -- Activation ------------------------------------------------------------------------------------------------------------------


async def activate_version(version: int, uow: UnitOfWork, *, by: str, cause: Cause) -> Judged:
    """A draft takes effect. Of a version that was active already a new one is made. Raises Refused (422) where it has errors."""
    tested = read((await find(uow, version))["document"])  # compiled and tested before anybody waits for the lock
    passed = await check_tests(tested, uow)
    active = await store.own_policy(uow)
    row = await store.get_policy(uow, version, lock=True)
    if row is None:
        raise not_found("policy version", version)
    draft = read(row["document"])
    if draft.document != tested.document:
        raise conflict(
            "changed-meanwhile", f"Policy version {version} was changed while its tests were played: activate it again."
        )
    if row["activated_at"] is None:
        return await _activate(uow, draft, version, active, by=by, cause=cause, tested=passed)
    made = await store.insert_draft(uow, draft.document, by)
    await store.record_action(uow, made, Action.ROLLED_BACK, by, {"to": version})
    return await _activate(uow, draft, made, active, by=by, cause=cause, tested=passed)


async def roll_back(version: int, uow: UnitOfWork, *, by: str, cause: Cause) -> Judged:
    """Goes back to a version that was active before: its document becomes a new version. Raises Refused (409) for a draft."""
    if (await find(uow, version))["activated_at"] is None:
        raise conflict("never-active", f"Policy version {version} is a draft and was never active: activate it.")
    return await activate_version(version, uow, by=by, cause=cause)


async def post_policy(document: object, uow: UnitOfWork, *, by: str, cause: Cause) -> Judged:
    """A whole policy in one step: a new version, active at once. Raises Refused (422) where it has errors."""
    draft = read(document)
    passed = await check_tests(draft, uow)
    active = await store.own_policy(uow)
    return await _activate_new(uow, draft, active, by=by, cause=cause, tested=passed)


async def put_pool(name: str, members: Sequence[Member], uow: UnitOfWork, *, by: str, cause: Cause) -> Judged:
    """Makes a pool, or gives one other members: a new policy version, active at once. What else the pool says stays."""
    listed = [{"agent_id": str(one.agent_id), "weight": one.weight} for one in members]

    def edit(document: Document) -> Document:
        pools = document["pools"]
        return {**document, "pools": {**pools, name: {**pools.get(name, {}), "members": listed}}}

    return await _edit(edit, uow, by=by, cause=cause, at=f"/pools/{name}", why={"pool": name})


async def delete_pool(name: str, uow: UnitOfWork, *, by: str, cause: Cause) -> Judged:
    """Takes a pool out of the policy. Its waiting leads go where the rules send them now."""

    def edit(document: Document) -> Document:
        if name not in document["pools"]:
            raise not_found("pool", name)
        if users := _users(document, name):
            raise conflict("pool-in-use", f"The pool {name} is used by {', '.join(users)}; change the policy first.")
        return {**document, "pools": {other: pool for other, pool in document["pools"].items() if other != name}}

    return await _edit(edit, uow, by=by, cause=cause, why={"pool": name})


def _users(document: Document, pool: str) -> list[str]:
    """What sends leads to a pool."""
    users = [f"rule {rule['name']}" for rule in document.get("rules", []) if rule["pool"] == pool]
    users += [f"pool {name}" for name, other in document["pools"].items() if pool in other.get("overflow", [])]
    users += [f"sla {name}" for name, sla in document.get("slas", {}).items() if _moves_to(sla, pool)]
    if any(pool in (one["to"], *one.get("from", [])) for one in document.get("reroute", [])):
        users.append("re-routing")
    return [*users, "the default"] if document["default"] == pool else users


def _moves_to(sla: Document, pool: str) -> bool:
    return any(step.get("pool") == pool for step in sla.get("ladder", []))


async def refresh_members(uow: UnitOfWork, *, by: str, cause: Cause) -> int | None:
    """Enrols anew whom the active policy's member rules choose: a new version where that changed somebody's pools, else None.

    To be called where an agent was made or changed in what such a rule may ask, in that transaction and before any group is locked.
    """
    active = await store.own_policy(uow)
    before = await active_policy(uow, active)
    chosen, _ = enrol(before.policy, await profiles_for(uow, before.policy))
    pools = {name: _settled(pool, chosen.pools[name]) for name, pool in before.policy.pools.items()}
    enrolled = replace(before.policy, pools=pools)
    if not joined_and_left(before.policy, enrolled):
        return None
    draft = read(document_of(await find(uow, active)))
    version = await store.insert_draft(uow, draft.document, by)
    await store.record_action(uow, version, Action.CREATED, by, {"from": active, "why": "members"})
    await store.record_action(uow, version, Action.ACTIVATED, by, {"previous": active})
    await take_effect(before, enrolled.with_version(version), uow, by=by, cause=cause)
    return version


def _settled(before: Pool, chosen: Pool) -> Pool:
    """The pool with whom its rule chose, or else with the members that it had: a name that nobody has any more takes nobody out."""
    if before.member_rule:
        return chosen
    anew = {member.agent_id: member for member in chosen.members}
    return replace(before, members=tuple(anew.get(member.agent_id, member) for member in before.members))


async def _edit(
    edit: Callable[[Document], Document], uow: UnitOfWork, *, by: str, cause: Cause, at: str = "", why: Document
) -> Judged:
    """Activates what `edit` makes of the active policy. Errors that were there before it do not stand in its way; its tests do.

    They are played before anybody waits for the lock, and once more where another change was quicker.
    """
    expected = document_of(await find(uow, await store.active_version(uow)))
    passed = await check_tests(read(edit(expected), at=at), uow)
    active = await store.own_policy(uow)
    document = document_of(await find(uow, active))
    draft = read(edit(document), at=at)
    if document != expected:
        passed = await check_tests(draft, uow)
    why = {"from": active, **why}
    return await _activate_new(uow, draft, active, by=by, cause=cause, at=at, why=why, edited=document, tested=passed)


async def _activate_new(
    uow: UnitOfWork,
    draft: Draft,
    active: int,
    *,
    by: str,
    cause: Cause,
    at: str = "",
    why: Document | None = None,
    edited: Document | None = None,
    tested: int = 0,
) -> Judged:
    version = await store.insert_draft(uow, draft.document, by)
    await store.record_action(uow, version, Action.CREATED, by, why or {})
    return await _activate(uow, draft, version, active, by=by, cause=cause, at=at, edited=edited, tested=tested)


async def _activate(
    uow: UnitOfWork,
    draft: Draft,
    version: int,
    active: int,
    *,
    by: str,
    cause: Cause,
    at: str = "",
    edited: Document | None = None,
    tested: int = 0,
) -> Judged:
    """Needs the policy's exclusive lock. Raises Refused (422) for errors, but for those that `edited` has already.

    `tested` is how many of its own tests it has passed.
    """
    profiles = await profiles_for(uow, draft.policy)
    problems = lint(draft, profiles, qualifications=await qualifications_given(uow))
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors and edited:
        known = {(problem.path, problem.message) for problem in await _problems(uow, read(edited))}
        errors = [problem for problem in errors if (problem.path, problem.message) not in known]
    if errors:
        raise refused(errors, at)
    policy, _ = enrol(draft.policy.with_version(version), profiles)
    if tested:
        await store.record_action(uow, version, Action.TESTED, by, {"passed": tested, "failed": 0})
    await store.record_action(uow, version, Action.ACTIVATED, by, {"previous": active})
    await take_effect(await active_policy(uow, active), policy, uow, by=by, cause=cause)
    return Judged(version, problems)


# -- Reading ---------------------------------------------------------------------------------------------------------------------


def read(document: object, *, at: str = "") -> Draft:
    """Raises Refused (422) that names each field that is not as a policy's should be."""
    try:
        return read_draft(document, FACTS)
    except InvalidPolicy as error:
        raise refused(error.problems, at) from error


async def find(uow: UnitOfWork, version: int) -> Row:
    """Raises Refused (404)."""
    row = await store.get_policy(uow, version)
    if row is None:
        raise not_found("policy version", version)
    return row


def document_of(row: Row) -> Document:
    """A version's document in the second form, whichever it was stored in."""
    return in_second_form(row["document"], of_lead(FACTS))


async def _draft(uow: UnitOfWork, version: int) -> Row:
    row = await store.get_policy(uow, version, lock=True)
    if row is None:
        raise not_found("policy version", version)
    if row["activated_at"] is not None:
        raise conflict("not-a-draft", f"Policy version {version} was active and stays what it was; write a new one.")
    return row


async def _problems(uow: UnitOfWork, draft: Draft) -> list[Problem]:
    found = lint(draft, await profiles_for(uow, draft.policy), qualifications=await qualifications_given(uow))
    return [*found, *faults_of_tests(draft)]
