"""Documents read into scenarios: their shape, their moments, and the names of their facts are checked before anything is played."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from services.router.domain.period import is_zone
from services.router.domain.policy.shape import faults, nearby
from services.router.domain.scenario.leads import OF_LEAD, UNDER_ANY
from services.router.domain.scenario.moments import NoMoment, read_duration, read_moment
from services.router.domain.scenario.schema import BUNDLE, DEFS, MAX_LEADS, MAX_SCENARIOS, OF_POLICY, SCENARIO
from services.router.domain.scenario.values import Document, InvalidScenario, Scenario, Step
from shared.rules import Problem
from shared.rules.definitions import escape

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""When a scenario begins that does not say: a Monday."""
_OF_STEP = frozenset(("at", "after", "clock", "note", "refused"))
_COUNTED = ("count", "every")


def read(document: object, facts: Collection[str], *, path: str = "") -> tuple[Scenario, ...]:
    """The scenarios of a document: one, a list of them, or a bundle. `facts` are those of every lead; `path` is where the document
    stands. Raises InvalidScenario with every problem found.
    """
    problems: list[Problem] = []
    found = list(_each(document, path, facts, problems))
    if len(found) > MAX_SCENARIOS:
        problems.append(Problem(path or "/", f"must hold at most {MAX_SCENARIOS} scenarios"))
    if problems:
        raise InvalidScenario(problems)
    return tuple(found)


def patched(document: Any, patch: Any) -> Any:
    """The document with the patch laid over it (RFC 7396): objects name by name, null takes out, all else as a whole.

    Beyond that, an object that says its `kind`, such as a strategy, is another one and replaces what was there.
    """
    if not isinstance(patch, Mapping):
        return patch
    before = document if isinstance(document, Mapping) and "kind" not in patch else {}
    kept = {name: value for name, value in before.items() if name not in patch}
    changed = {name: patched(before.get(name), value) for name, value in patch.items() if value is not None}
    order = [*before, *(name for name in patch if name not in before)]
    return {name: {**kept, **changed}[name] for name in order if name in kept or name in changed}


def _each(document: object, path: str, facts: Collection[str], problems: list[Problem]) -> Iterator[Scenario]:
    if isinstance(document, list):
        for index, one in enumerate(document):
            yield from _one(one, {}, f"{path}/{index}", facts, problems)
    elif isinstance(document, Mapping) and "scenarios" in document:
        if wrong := faults(document, BUNDLE):
            problems += [Problem(path + one.path, one.message) for one in wrong]
            return
        for index, one in enumerate(document["scenarios"]):
            yield from _one(one, document.get("given", {}), f"{path}/scenarios/{index}", facts, problems)
    else:
        yield from _one(document, {}, path, facts, problems)


def _one(document: object, shared: Document, path: str, facts: Collection[str], problems: list[Problem]) -> Iterator[Scenario]:
    if wrong := faults(document, {**SCENARIO, "$defs": DEFS}):
        problems += [Problem(path + one.path, one.message) for one in wrong]
        return
    assert isinstance(document, Mapping)
    reading = _Reading(document, shared, path, facts)
    scenario = reading.scenario()
    problems += reading.problems
    if not reading.problems:
        yield scenario


class _Reading:
    """Reads one scenario whose shape is right."""

    def __init__(self, document: Document, shared: Document, path: str, facts: Collection[str]) -> None:
        self.document, self.path = document, path
        self.given = _laid_over(shared, document.get("given", {}))
        self.problems: list[Problem] = []
        self.policy, self.policy_path = self._policy()
        self.facts = {*facts, *UNDER_ANY, *_declared(self.policy)}
        self.zone, self.starts = self._clock()
        self.leads = 0

    def scenario(self) -> Scenario:
        for part in ("earlier", "waiting"):
            for index, one in enumerate(self.given.get(part, [])):
                self._check_facts(
                    one, f"/given/{part}/{index}", ("lead", "agent", "pool", "at", "closed", "turn", "since", *_COUNTED)
                )
        self._check_facts(self.given.get("lead", {}), "/given/lead")
        return Scenario(
            name=self.document["name"],
            path=self.path,
            starts=self.starts,
            zone=self.zone,
            policy=self.policy,
            agents=by_name(self.given["agents"]) if "agents" in self.given else None,
            earlier=self.given.get("earlier", []),
            waiting=self.given.get("waiting", []),
            lead=self.given.get("lead", {}),
            steps=tuple(self._steps()),
            then=self.document.get("then", {}),
            policy_path=self.policy_path,
        )

    def problem(self, path: str, message: str) -> None:
        self.problems.append(Problem(self.path + path, message))

    def _policy(self) -> tuple[Document | None, str]:
        in_line = {part: self.given[part] for part in OF_POLICY if part in self.given}
        if "policy" in self.given:
            if in_line:
                self.problem(f"/given/{next(iter(in_line))}", "is a part of a policy, and a whole one is given beside it")
            return self.given["policy"], f"{self.path}/given/policy"
        if in_line and "default" not in in_line and len(in_line.get("pools", {})) == 1:
            in_line["default"] = next(iter(in_line["pools"]))
        return in_line or None, f"{self.path}/given"

    def _clock(self) -> tuple[str, datetime]:
        said: Any = self.given.get("clock", {})
        clock: Document = {"start": said} if isinstance(said, str) else said
        zone: str = clock.get("zone", self.given.get("zone", "UTC"))
        if not is_zone(zone):
            self.problem("/given/zone", f"{zone} is no IANA time zone, such as Europe/Paris")
            return "UTC", START
        if "start" not in clock:
            return zone, START
        return zone, self._moment(clock["start"], "/given/clock", START, START, zone)

    def _moment(self, text: str, path: str, start: datetime, before: datetime, zone: str) -> datetime:
        try:
            return read_moment(text, zone=zone, start=start, before=before)
        except NoMoment as error:
            self.problem(path, str(error))
            return before

    # -- Steps

    def _steps(self) -> Iterator[Step]:
        """In the order in which they are done: by time, and of one time as they are written. A clock that goes back begins anew."""
        before, ended, stretch = self.starts, self.starts, 0
        ordered: list[tuple[int, datetime, int, Step]] = []
        for index, parts in enumerate(self.document.get("when", [])):
            path = f"/when/{index}"
            at, back = self._at(parts, path, ended), parts.get("clock") == "back"
            if at < before and not back:
                self.problem(f"{path}/at", "is before the step above; say `clock: back` where the clock itself goes back")
            before, ended, stretch = at, at, stretch + back
            for step in self._parts(parts, path, at, back=back):
                ordered.append((stretch, step.at, len(ordered), step))
                ended = max(ended, step.at)
                before = ended if step.kind == "wait" else before
        return (step for *_, step in sorted(ordered, key=lambda one: one[:3]))

    def _at(self, parts: Document, path: str, ended: datetime) -> datetime:
        """Without a word of its own a step comes when the one above has ended: with its last lead, or when its wait is over."""
        if "at" in parts:
            return self._moment(parts["at"], f"{path}/at", self.starts, ended, self.zone)
        return ended + self._duration(parts["after"], f"{path}/after") if "after" in parts else ended

    def _duration(self, text: str, path: str) -> timedelta:
        try:
            return read_duration(text)
        except NoMoment as error:
            self.problem(path, str(error))
            return timedelta()

    def _parts(self, parts: Document, path: str, at: datetime, *, back: bool) -> Iterator[Step]:
        """What one step asks for, in the order in which it is written; the clock goes back before all of it. None: time passes."""
        if back:
            yield Step("clock", at, None, self.path + path, back=True)
        if parts.keys() <= _OF_STEP:
            yield Step("wait", at, None, self.path + path)
        for kind, value in parts.items():
            if kind in _OF_STEP:
                continue
            where = f"{path}/{kind}"
            if kind == "leads":
                yield from self._leads(value, where, at, parts)
                continue
            if kind in ("lead", "score"):
                self._check_facts(value, where, ("lead",))
                self.leads += 1
            until = at + self._duration(value, where) if kind == "wait" and isinstance(value, str) else at
            yield Step(kind, until, value, self.path + where, refused=False if kind == "expect" else parts.get("refused", False))

    def _leads(self, value: Any, path: str, at: datetime, parts: Document) -> Iterator[Step]:
        if isinstance(value, list):
            for index, one in enumerate(value):
                self._check_facts(one, f"{path}/{index}")
                yield Step("lead", at, one, f"{self.path}{path}/{index}")
            self.leads += len(value)
            return
        self._check_facts(value, path, _COUNTED)
        every = self._duration(value["every"], f"{path}/every") if "every" in value else timedelta()
        count, prefix = value.get("count", 1), value.get("name")
        self.leads += count
        if self.leads > MAX_LEADS:
            self.problem(path, f"are more than {MAX_LEADS} leads in one scenario")
            return
        alike = {name: one for name, one in value.items() if name not in _COUNTED}
        for number in range(count):
            named = {**alike, "name": f"{prefix} {number + 1}"} if prefix else alike
            yield Step("lead", at + number * every, named, self.path + path)

    def _check_facts(self, lead: Document, path: str, others: Sequence[str] = ()) -> None:
        for name in lead:
            if name not in OF_LEAD and name not in others and name not in self.facts:
                hint = nearby(name, [*self.facts, *OF_LEAD]) or "; facts that no rule asks go under `facts`"
                self.problem(f"{path}/{escape(name)}", f"is no fact that a rule may ask{hint}")


def by_name(agents: object) -> dict[str, Document]:
    """Agents as an object by name, whichever way they are written: a list of names or of objects, or by name."""
    if isinstance(agents, Mapping):
        return {name: one or {} for name, one in agents.items()}
    assert isinstance(agents, list)
    found: dict[str, Document] = {}
    for one in agents:
        parts = {"name": one} if isinstance(one, str) else one
        found[parts.get("name", "")] = {name: value for name, value in parts.items() if name != "name"}
    return found


def _laid_over(shared: Document, own: Document) -> Document:
    """What is given to all scenarios, and over it what is given to one: agents agent by agent; a policy of its own replaces the other."""
    agents = [by_name(one["agents"]) for one in (shared, own) if "agents" in one]
    kept = {name: value for name, value in shared.items() if name != "agents" and not ("policy" in own and name in OF_POLICY)}
    given: dict[str, Any] = patched(kept, {name: value for name, value in own.items() if name != "agents"})
    if agents:
        given["agents"] = patched(agents[0], agents[1]) if len(agents) == 2 else agents[0]
    return given


def _declared(policy: Document | None) -> Sequence[str]:
    declared = policy.get("facts", {}) if policy else {}
    return list(declared) if isinstance(declared, Mapping) else []
