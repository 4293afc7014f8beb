"""A policy's document, as plain data, read into values and written from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from services.router.domain.agent import Settings
from services.router.domain.policy import facts as asked
from services.router.domain.policy.first_form import in_second_form, is_first
from services.router.domain.policy.requirement import Requirement
from services.router.domain.policy.schema import FIRST_FORM, ROUTED, SCHEMA
from services.router.domain.policy.shape import faults
from services.router.domain.policy.values import (
    CATCH_UP,
    Hold,
    Listed,
    Member,
    Policy,
    Pool,
    Reroute,
    Rule,
    Sticky,
    Strategy,
    StrategyKind,
    Timetable,
)
from services.router.domain.roster import InvalidSettings, change_settings
from services.router.domain.sla import WORKING, Absent, Escalation, Origin, Rung, Sla, SlaClock
from services.router.domain.sla.levels import GRACE, HOPS
from shared.rules import Definitions, DocumentError, Problem, RuleError, Vocabulary, compile_rule, contradiction, declared
from shared.rules import Rule as Condition
from shared.rules.definitions import escape

ALWAYS = "true"
MINUTE = 60  # seconds


class InvalidPolicy(DocumentError):
    """A document that is not a policy; `problems` names each field."""


@dataclass(frozen=True)
class Draft:
    """A document of the right shape, in the second form; the policy that can be read from it, and what is wrong with its conditions.

    What cannot be read is left out of the policy: a condition that does not compile, and the rule that it belongs to.
    """

    document: Mapping[str, Any]
    policy: Policy
    problems: tuple[Problem, ...]
    first: bool = False  # it was sent in the first form


def read_draft(document: object, facts: Vocabulary, *, version: int = 0) -> Draft:
    """Reads a document of either form; `facts` are those of every lead. Raises InvalidPolicy for one of the wrong shape only."""
    if wrong := faults(document, FIRST_FORM if is_first(document) else SCHEMA):
        raise InvalidPolicy(wrong)
    assert isinstance(document, Mapping)
    second = in_second_form(document, asked.of_lead(facts))
    reading = _Reading(second, facts)
    policy = reading.policy(version)
    return Draft(second, policy, tuple(reading.problems), is_first(document))


def from_document(version: int, document: object, *, facts: Vocabulary) -> Policy:
    """Reads a policy; raises InvalidPolicy for one that could not be read as a whole. What it says is judged by `lint`, not here."""
    draft = read_draft(document, facts, version=version)
    if draft.problems:
        raise InvalidPolicy(draft.problems)
    return draft.policy


class _Reading:
    """Reads a document whose shape is right."""

    def __init__(self, document: Mapping[str, Any], facts: Vocabulary) -> None:
        self.document = document
        self.problems: list[Problem] = []
        known = self._declared(document.get("facts", {}), asked.of_lead(facts))
        self.definitions = self._defined(document.get("define", {}), known)
        self.meanings = tuple((name, rule.text) for name, rule in sorted(self.definitions.rules.items()))
        self.lead = self.definitions.vocabulary
        self.match = asked.of_match(self.lead)
        self.moved = self.lead.plus(asked.MOVED)

    def policy(self, version: int) -> Policy:
        document = self.document
        return Policy(
            version=version,
            pools={name: self._pool(name, pool, f"/pools/{escape(name)}") for name, pool in document["pools"].items()},
            rules=tuple(self._rules(document.get("rules", []))),
            default_pool=document["default"],
            routed=frozenset(document.get("routed", ROUTED)),
            name=document.get("name"),
            facts=document.get("facts", {}),
            definitions=self.definitions,
            slas={name: _sla(name, sla) for name, sla in document.get("slas", {}).items()},
            reroute=tuple(self._reroutes(document.get("reroute", []))),
            timetables=dict(self._timetables(document.get("calendars", {}))),
        )

    # -- Conditions

    def _condition(self, text: str, path: str, vocabulary: Vocabulary) -> Condition | None:
        try:
            rule = _compiled(text, vocabulary, self.meanings)
        except RuleError as error:
            self.problems += [Problem(path, fault.message, line=fault.line, column=fault.column) for fault in error.faults]
            return None
        if never := contradiction(rule):
            self.problems.append(Problem(path, f"can never be true: {never}", line=1, column=1))
        return rule

    def _requirement(self, parts: Mapping[str, Any], field: str, path: str, vocabulary: Vocabulary) -> Requirement | None:
        if field not in parts:
            return None
        rule = self._condition(parts[field], f"{path}/{field}", vocabulary)
        return Requirement(rule) if rule else None

    def _declared(self, block: Mapping[str, str], vocabulary: Vocabulary) -> Vocabulary:
        kinds, problems = declared(block, "/facts", vocabulary)
        self.problems += problems
        return vocabulary.plus(kinds)

    def _defined(self, texts: Mapping[str, str], vocabulary: Vocabulary) -> Definitions:
        """The definitions that can be read; what uses another cannot be read either."""
        kept = dict(texts)
        while True:
            try:
                return Definitions(kept, vocabulary, "/define")
            except DocumentError as error:
                self.problems += [problem for problem in error.problems if problem not in self.problems]
                bad = {problem.path for problem in error.problems}
                left = {name: text for name, text in kept.items() if f"/define/{escape(name)}" not in bad}
                kept = left if len(left) < len(kept) else {}

    # -- Parts

    def _pool(self, name: str, parts: Mapping[str, Any], path: str) -> Pool:
        listed = tuple(_listed(one, f"{path}/members/{index}") for index, one in enumerate(parts.get("members", [])))
        strategy = parts.get("strategy", {"kind": StrategyKind.ROTATION})
        return Pool(
            name,
            members=tuple(_by_id(listed)),
            listed=listed,
            member_rule=self._requirement(parts, "member_rule", path, asked.AGENT),
            strategy=_strategy(strategy),
            percent=tuple(strategy.get("percent", {}).items()),
            requires=self._requirement(parts, "requires", path, self.match),
            sticky=_sticky(parts["sticky"]) if "sticky" in parts else None,
            overflow=tuple(parts.get("overflow", [])),
            returns=frozenset(parts.get("returns", [])),
            hold=Hold(**parts.get("hold", {})),
            catch_up=parts.get("catch_up", CATCH_UP),
            sla=_names(parts.get("sla", [])),
        )

    def _rules(self, rules: Sequence[Mapping[str, Any]]) -> Iterator[Rule]:
        for index, parts in enumerate(rules):
            path = f"/rules/{index}"
            when = self._condition(parts.get("when", ALWAYS), f"{path}/when", self.lead)
            requires = self._requirement(parts, "requires", path, self.match)
            if when and (requires or "requires" not in parts):
                yield Rule(parts["name"], when, parts["pool"], requires, _names(parts.get("sla", [])), path)

    def _reroutes(self, reroutes: Sequence[Mapping[str, Any]]) -> Iterator[Reroute]:
        for index, parts in enumerate(reroutes):
            path = f"/reroute/{index}"
            if when := self._condition(parts["when"], f"{path}/when", self.moved):
                to = None if parts["to"] == "rules" else parts["to"]
                yield Reroute(when, tuple(parts.get("from", [])), to, parts.get("max_hops", HOPS), path)

    def _timetables(self, calendars: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Timetable]]:
        """A calendar is written as an agent's working time is, and held against the same.

        A library that does not know a calendar of holidays any more makes no active policy's calendar unreadable: its dates were copied.
        """
        for name, parts in calendars.items():
            wrong = _wrong_in(parts)
            self.problems += [Problem(f"/calendars/{escape(name)}{one.path}", one.message) for one in wrong]
            if all(one.path.startswith("/holidays/") for one in wrong):
                found = Settings.from_document(parts)
                yield name, Timetable(found.zone, found.hours, found.holidays)


@lru_cache(maxsize=8_192)
def _compiled(text: str, vocabulary: Vocabulary, _: tuple[tuple[str, str], ...]) -> Condition:
    """To compile costs a thousand times what it costs to ask, and most conditions of a new version are those of the last.

    The definitions are part of the key because vocabularies are equal whatever their names mean.
    """
    return compile_rule(text, vocabulary)


def _listed(parts: Mapping[str, Any], path: str) -> Listed:
    field = "agent" if "agent" in parts else "agent_id"
    return Listed(parts.get(field, ""), f"{path}/{field}", parts.get("weight"), parts.get("level"))


def _by_id(listed: Sequence[Listed]) -> Iterator[Member]:
    """Those who are named by id: who they are is known without asking for the agents."""
    for one in listed:
        if id := agent_id(one.agent):
            yield Member(id, one.weight or 1, one.level or 1)


def agent_id(text: str) -> UUID | None:
    """The id that the text is; None for any other text, such as a name."""
    try:
        return UUID(text) if len(text) in (32, 36) else None
    except ValueError:
        return None


def _strategy(parts: Mapping[str, Any]) -> Strategy:
    kind = StrategyKind(parts["kind"])
    if kind is not StrategyKind.CLAIM:
        return Strategy(kind)
    to = parts.get("to", "all")
    return Strategy(
        kind,
        to=None if to == "all" else to,
        seconds=parts.get("seconds", 120),
        fallback=StrategyKind(parts.get("fallback", "rotation")),
        counts=parts.get("counts", False),
    )


def _sticky(parts: Mapping[str, Any]) -> Sticky:
    return Sticky(**{**parts, "by": tuple(parts["by"])})


def _sla(name: str, parts: Mapping[str, Any]) -> Sla:
    return Sla(
        name,
        clock=SlaClock(parts["clock"]),
        seconds=parts["minutes"] * MINUTE,
        time=parts.get("time", WORKING),
        origin=Origin(parts.get("origin", Origin.RECEIPT)),
        absent=Absent(parts["absent"]) if "absent" in parts else None,
        warn=tuple(parts.get("warn", [])),
        ladder=tuple(Rung(rung["at"], Escalation(rung["do"]), rung.get("pool")) for rung in parts.get("ladder", [])),
        counts=frozenset(parts.get("counts", [])),
        max_hops=parts.get("max_hops", HOPS),
        grace=parts.get("grace_minutes", GRACE // MINUTE) * MINUTE,
    )


def _wrong_in(calendar: Mapping[str, Any]) -> Sequence[Problem]:
    try:
        change_settings(Settings(name="a calendar"), calendar)
    except InvalidSettings as error:
        return error.problems
    return ()


def _names(found: str | Sequence[str]) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else tuple(found)
