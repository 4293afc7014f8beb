"""A list of agents taken over: known ones changed, new ones made, and of each row what became of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from services.router import store
from services.router.domain import MAX_ROWS, InvalidSettings, Settings, UnreadableRoster, change_settings, read_csv
from services.router.domain.desk import reweigh
from services.router.handlers.agents import count_time, tell_groups, told
from services.router.handlers.membership import ASKED, enrol_again, lock_policy_for
from services.router.handlers.work import Work
from services.router.store import Standing
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork
from shared.errors import FieldError, Refused, invalid


@dataclass(frozen=True)
class Taken:
    """What became of a row, counted from 1: created, changed, same or refused, with what is wrong."""

    row: int
    result: str
    id: UUID | None = None
    name: str | None = None
    errors: list[FieldError] = field(default_factory=list)


def read_roster(kind: str, body: bytes) -> list[Mapping[str, Any]]:
    """The rows of a list, CSV or JSON by its content type. Raises Refused (415, 422)."""
    if kind == "application/json":
        return _read_json(body)
    if kind not in ("text/csv", "application/csv"):
        raise Refused(415, "unsupported", detail="A list of agents is text/csv or application/json.")
    try:
        rows: list[Mapping[str, Any]] = [*read_csv(body.decode("utf-8-sig"))]
    except UnicodeDecodeError as error:
        raise invalid("/", "is not encoded as UTF-8") from error
    except UnreadableRoster as error:
        raise invalid("/", str(error)) from error
    return rows


def _read_json(body: bytes) -> list[Mapping[str, Any]]:
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid("/", "is no JSON") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise invalid("/", "must be a list of objects, one an agent")
    if len(rows) > MAX_ROWS:
        raise invalid("/", f"has more than {MAX_ROWS} rows; send it in parts")
    return rows


async def import_agents(
    documents: Sequence[Mapping[str, Any]], uow: UnitOfWork, *, by: str, cause: Cause, dry_run: bool
) -> list[Taken]:
    """Takes the rows over that are sound; an agent is known by external_ref, or else by its exact name. What a row leaves out stays.

    With `dry_run` nothing is written.
    """
    await store.lock_roster(uow)
    chosen = not dry_run and await lock_policy_for(uow, ASKED)
    work = await Work.open(uow)
    known = _Known(await store.agents_named(uow, _texts(documents, "name"), _texts(documents, "external_ref")))
    targets = [known.find(document) for document in documents]
    ids = {target for target in targets if isinstance(target, UUID)}
    await work.lock(work.groups_of_agents(ids))
    standings = await store.lock_agents(uow, ids)
    taken, wanted = [], {}
    for number, (document, target) in enumerate(zip(documents, targets, strict=True), 1):
        one = _take(number, document, target, standings, uow)
        taken.append(one[0])
        if one[1] and one[0].result != "same":
            wanted[one[1].agent_id] = one[1]
    await _check_managers(uow, taken, wanted)
    if dry_run:
        return [replace(one, id=None) if one.result == "created" else one for one in taken]
    await _write(work, wanted, standings, by, cause, chosen=chosen)
    return taken


def _take(
    number: int, document: Mapping[str, Any], target: UUID | str | None, standings: Mapping[UUID, Standing], uow: UnitOfWork
) -> tuple[Taken, Standing | None]:
    name = document.get("name") if isinstance(document.get("name"), str) else None
    if isinstance(target, str):
        return Taken(number, "refused", None, name, [FieldError("/", target)]), None
    before = standings[target] if target else Standing(uow.clock.uuid7(), Settings())
    try:
        settings = change_settings(before.settings, document)
    except InvalidSettings as error:
        return Taken(number, "refused", target, name, [FieldError(one.path, one.message) for one in error.problems]), None
    result = "created" if target is None else "same" if settings == before.settings else "changed"
    return Taken(number, result, before.agent_id, settings.name), before._replace(settings=settings)


async def _check_managers(uow: UnitOfWork, taken: list[Taken], wanted: dict[UUID, Standing]) -> None:
    """Refuses rows that name a manager who is not there; one that this list makes has no id yet that a row could name."""
    managers = {one.settings.manager_id for one in wanted.values() if one.settings.manager_id}
    known = await store.agents_by_id(uow, managers) if managers else {}
    for place, one in enumerate(taken):
        manager = wanted[one.id].settings.manager_id if one.id in wanted else None
        if one.id and manager and (manager not in known or manager == one.id):
            del wanted[one.id]
            taken[place] = Taken(one.row, "refused", None, one.name, [FieldError("/manager_id", "is no other agent")])


async def _write(
    work: Work, wanted: Mapping[UUID, Standing], known: Mapping[UUID, Standing], by: str, cause: Cause, *, chosen: bool
) -> None:
    """`chosen`: pools choose members by rule, and the policy's lock is ours alone."""
    changed = {id: one for id, one in wanted.items() if id in known}
    await count_time(work, changed)
    if new := [one for id, one in wanted.items() if id not in known]:
        await store.insert_agents(work.uow, new, by)
    if changed:
        await store.update_agents(work.uow, list(changed.values()), "settings", by)
    if chosen and wanted:
        work = await enrol_again(work, changed, by=by, cause=cause)
    for id, one in sorted(changed.items()):
        reweigh(work.desk, id, known[id].settings, one.settings)
    await tell_groups(work, {id: told(id, one.settings, work.uow) for id, one in changed.items()}, cause)


class _Known:
    """Agents by reference and by name, and which of them a list has named already."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._by_ref = {row["external_ref"]: row["id"] for row in rows if row["external_ref"]}
        self._by_name: dict[str, list[UUID]] = {}
        for row in rows:
            self._by_name.setdefault(row["name"], []).append(row["id"])
        self._seen: Counter[object] = Counter()

    def find(self, document: Mapping[str, Any]) -> UUID | str | None:
        """The agent that a row is about, None for a new one, or why there is no telling."""
        ref, name = (_text(document.get(one)) for one in ("external_ref", "name"))
        if not ref and not name:
            return "names no agent: it needs external_ref or name"
        found = self._by_ref.get(ref) if ref else None
        if found is None and name:
            named = self._by_name.get(name, [])
            if len(named) > 1:
                return f"there are {len(named)} agents of the name {name}; tell them apart by external_ref"
            found = named[0] if named else None
        if found is None and not name:
            return f"there is no agent with the external_ref {ref}, and a new one needs a name"
        keys = [found] if found else [("ref", ref)] if ref else [("name", name)]
        self._seen.update(keys)
        return "is the same agent as an earlier row" if self._seen[keys[0]] > 1 else found


def _text(value: object) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() else None


def _texts(documents: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    return sorted({text for document in documents if (text := _text(document.get(name)))})
