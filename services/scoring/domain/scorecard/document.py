"""A scorecard as plain data, the form in which it is written, sent and kept. Points are points here, with at most two decimals.

    {"name": …, "facts": {"team_size": "number"}, "activity_facts": {…}, "define": {"enterprise": "company_size >= 500"},
     "fit": {"groups": {"reach": {"max": 40, "min": -20}},
             "rules": [{"name", "when", "points", "group", "reason"}]},
     "engagement": {"groups": {…},
                    "behaviours": [{"name", "on": ["page_view"], "when", "points", "half_life_days", "times", "group", "reason"}]},
     "letters": [{"letter": "A", "min": 60}, …, {"letter": "D"}], "numbers": [{"number": 1, "min": 40}, …, {"number": 4}],
     "thresholds": [{"name": "hot", "min": 80}], "hysteresis": 2}

`fit`, `letters` and `numbers` must be there, and of each item its name, points and reason. A rule's `when` asks the lead's facts and what
is defined of them, a behaviour's what is known of the occurrence; one that is missing always holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.scoring.domain.points import HUNDRED
from services.scoring.domain.scorecard.card import Behaviour, FitRule, Group, Letter, Number, Scorecard, Threshold
from services.scoring.domain.scorecard.vocabulary import ACTIVITY
from services.scoring.domain.shape import WORD, Shape, pointer
from shared.rules import DocumentError, Problem, Rule, RuleError, Vocabulary, compile_rule

MAX_DEFINED = 100
MAX_RULES = 100
MAX_BEHAVIOURS = 50
MAX_GROUPS = 20
MAX_KINDS = 20
MAX_STEPS = 20
MAX_TIMES = 200
TIMES = 20
DAY = 86_400.0
MIN_HALF_LIFE, MAX_HALF_LIFE = 0.01, 3_650.0  # days
MAX_TOTAL = 1_000_000 * HUNDRED  # more than all rules together can give
HYSTERESIS, MAX_HYSTERESIS = 2 * HUNDRED, 100 * HUNDRED


def from_document(document: object, vocabulary: Vocabulary) -> Scorecard:
    """Compiles a card; `vocabulary` are the facts that every lead may have. Raises DocumentError with all that cannot be read.

    Reads what is written; whether it makes sense is judged by `lint`.
    """
    card, problems = load(document, vocabulary)
    if problems:
        raise DocumentError(problems)
    return card


def load(document: object, vocabulary: Vocabulary) -> tuple[Scorecard, list[Problem]]:
    """Compiles what can be read of a card, and says what was left out and why. Never raises.

    A rule that cannot be read gives no points; of letters or numbers that cannot be read the rest holds, and without any it is D and 4.
    """
    reader = Reader(vocabulary)
    return reader.read(document), reader.shape.problems


class Reader:
    """Reads one document. `conditions` are the rules that could be read, by their paths, also of items that could not be read otherwise."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.shape = Shape()
        self.conditions: dict[str, Rule] = {}
        self.facts = vocabulary
        self.activity = ACTIVITY
        self.names: set[str] = set()

    def read(self, document: object) -> Scorecard:
        shape = self.shape
        optional = ("name", "facts", "activity_facts", "define", "engagement", "thresholds", "hysteresis")
        parts = shape.object(document, "", required=("fit", "letters", "numbers"), optional=optional)
        facts = shape.declared(parts.get("facts"), "/facts", self.facts)
        define = shape.defined(parts.get("define"), facts, most=MAX_DEFINED)
        self.facts = define.vocabulary
        self.activity = shape.declared(parts.get("activity_facts"), "/activity_facts", self.activity)
        fit = self._part(parts, "fit", "rules")
        engagement = self._part(parts, "engagement", "behaviours")
        fit_groups = dict(self._groups(fit, "/fit/groups"))
        engagement_groups = dict(self._groups(engagement, "/engagement/groups"))
        hysteresis = shape.points(parts, "hysteresis", "", least=0, most=MAX_HYSTERESIS)
        return Scorecard(
            name=shape.text(parts, "name", ""),
            definitions=define,
            fit=tuple(self._rules(fit, fit_groups)),
            fit_groups=fit_groups,
            behaviours=tuple(self._behaviours(engagement, engagement_groups)),
            engagement_groups=engagement_groups,
            letters=self._letters(parts) or (Letter("D"),),
            numbers=self._numbers(parts) or (Number(4),),
            thresholds=tuple(self._thresholds(parts)),
            hysteresis=HYSTERESIS if hysteresis is None else hysteresis,
        )

    def _part(self, parts: Mapping[str, Any], name: str, items: str) -> Mapping[str, Any]:
        if name not in parts:
            return {}
        return self.shape.object(parts[name], f"/{name}", optional=("groups", items))

    def _groups(self, part: Mapping[str, Any], path: str) -> Iterator[tuple[str, Group]]:
        shape = self.shape
        for name, bounds in shape.entries(part.get("groups"), path, most=MAX_GROUPS):
            at = f"{path}/{pointer(name)}"
            if not WORD.fullmatch(name):
                shape.complain(at, "must be named in lower case letters, digits and underscores, such as reach")
            found = shape.object(bounds, at, optional=("max", "min"))
            if isinstance(bounds, Mapping) and not found:
                shape.complain(at, "must have a max or a min")
            # Nothing is worth nothing, so a bound that 0 breaks would give points for nothing.
            most = shape.points(found, "max", at, least=0, most=MAX_TOTAL)
            yield name, Group(name, most, shape.points(found, "min", at, least=-MAX_TOTAL, most=0))

    def _rules(self, fit: Mapping[str, Any], groups: Mapping[str, Group]) -> Iterator[FitRule]:
        shape = self.shape
        for path, item in shape.items(fit.get("rules"), "/fit/rules", most=MAX_RULES):
            parts = shape.object(item, path, required=("name", "points", "reason"), optional=("when", "group"))
            name, reason = shape.name(parts, path, self.names), shape.text(parts, "reason", path)
            points, group = self._worth(parts, path), self._group(parts, path, groups)
            when = self._condition(parts, path, self.facts)
            if when is not None and points is not None:
                yield FitRule(path, name or path, when, points, reason or name or path, group)

    def _behaviours(self, engagement: Mapping[str, Any], groups: Mapping[str, Group]) -> Iterator[Behaviour]:
        shape = self.shape
        required, optional = ("name", "on", "points", "reason"), ("when", "half_life_days", "times", "group")
        for path, item in shape.items(engagement.get("behaviours"), "/engagement/behaviours", most=MAX_BEHAVIOURS):
            parts = shape.object(item, path, required=required, optional=optional)
            name, reason = shape.name(parts, path, self.names), shape.text(parts, "reason", path)
            points, group = self._worth(parts, path), self._group(parts, path, groups)
            when, kinds = self._asks(parts, path), self._kinds(parts, path)
            days = shape.number(parts, "half_life_days", path, MIN_HALF_LIFE, MAX_HALF_LIFE)
            times = shape.whole(parts, "times", path, 1, MAX_TIMES)
            readable = (days is not None or "half_life_days" not in parts) and (times is not None or "times" not in parts)
            if when is not None and points is not None and readable:
                half_life = None if days is None else days * DAY
                yield Behaviour(path, name or path, kinds, when, points, reason or name or path, half_life, times or TIMES, group)

    def _asks(self, parts: Mapping[str, Any], path: str) -> Rule | None:
        """A behaviour's condition. So that what an occurrence is worth depends on it and the card alone, it cannot ask the lead's facts."""
        known = len(self.shape.problems)
        when = self._condition(parts, path, self.activity)
        if when is None and isinstance(text := parts.get("when"), str) and _compiles(text, self.facts.plus(self.activity.names)):
            del self.shape.problems[known:]
            self.shape.complain(
                f"{path}/when", "asks a fact of the lead: a behaviour may ask only what is known of what happened"
            )
        return when

    def _condition(self, parts: Mapping[str, Any], path: str, vocabulary: Vocabulary) -> Rule | None:
        when = self.shape.rule(parts, path, vocabulary)
        if when is not None:
            self.conditions[f"{path}/when"] = when
        return when

    def _worth(self, parts: Mapping[str, Any], path: str) -> int | None:
        points = self.shape.points(parts, "points", path)
        if points == 0:
            self.shape.complain(f"{path}/points", "must not be 0")
        return points or None

    def _group(self, parts: Mapping[str, Any], path: str, groups: Mapping[str, Group]) -> str | None:
        """None where there is no such group: the points count, and nothing caps them."""
        name = parts.get("group")
        if name is None or (isinstance(name, str) and name in groups):
            return name
        known = f"there are {', '.join(groups)}" if groups else "none is defined"
        self.shape.complain(f"{path}/group", f"is no group of this part: {known}")
        return None

    def _kinds(self, parts: Mapping[str, Any], path: str) -> tuple[str, ...]:
        kinds: dict[str, None] = {}
        for at, kind in self.shape.items(parts.get("on"), f"{path}/on", least=1, most=MAX_KINDS):
            if not isinstance(kind, str) or not WORD.fullmatch(kind):
                self.shape.complain(
                    at, "must be a kind of activity: lower case letters, digits and underscores, such as page_view"
                )
            elif kind in kinds:
                self.shape.complain(at, "is there already")
            else:
                kinds[kind] = None
        return tuple(kinds)

    # -- Steps -------------------------------------------------------------------------------------------------------------------

    def _letters(self, parts: Mapping[str, Any]) -> tuple[Letter, ...]:
        taken: set[str] = set()
        found = []
        for path, step in self._steps(parts, "letters", "letter"):
            letter = self.shape.name(step, path, taken, field="letter")
            if letter is not None:
                found.append((path, Letter(letter, self._minimum(step, path))))
        return self._descending("letters", found)

    def _numbers(self, parts: Mapping[str, Any]) -> tuple[Number, ...]:
        taken: set[int] = set()
        found = []
        for path, step in self._steps(parts, "numbers", "number"):
            number = self.shape.whole(step, "number", path, 0, 99)
            if number in taken:
                self.shape.complain(f"{path}/number", "is an earlier number")
            elif number is not None:
                taken.add(number)
                found.append((path, Number(number, self._minimum(step, path))))
        return self._descending("numbers", found)

    def _steps(self, parts: Mapping[str, Any], field: str, label: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for path, item in self.shape.items(parts.get(field), f"/{field}", least=1, most=MAX_STEPS):
            yield path, self.shape.object(item, path, required=(label,), optional=("min",))

    def _minimum(self, step: Mapping[str, Any], path: str) -> int | None:
        return self.shape.points(step, "min", path, least=-MAX_TOTAL, most=MAX_TOTAL)

    def _descending(self, field: str, found: list[tuple[str, Any]]) -> tuple[Any, ...]:
        """The steps in order; the last without a minimum. What follows a step that catches all could never be reached."""
        before: int | None = None
        for path, step in found[:-1]:
            if step.min is None:
                self.shape.complain(f"{path}/min", "is missing: only the last one catches all")
            elif before is not None and step.min >= before:
                self.shape.complain(f"{path}/min", "must be less than that of the one before")
            before = step.min
        if found and found[-1][1].min is not None:
            self.shape.complain(f"{found[-1][0]}/min", "must be left out, for the last one catches all")
        return tuple(step for _, step in found)

    def _thresholds(self, parts: Mapping[str, Any]) -> Iterator[Threshold]:
        shape = self.shape
        taken: set[str] = set()
        for path, item in shape.items(parts.get("thresholds"), "/thresholds", most=MAX_STEPS):
            step = shape.object(item, path, required=("name", "min"))
            name = shape.name(step, path, taken)
            least = self._minimum(step, path)
            if name is not None and least is not None:
                yield Threshold(name, least)


def _compiles(text: str, vocabulary: Vocabulary) -> bool:
    try:
        compile_rule(text, vocabulary)
    except RuleError:
        return False
    return True
