"""Which rules are left by each value of a fact that they compare with constants."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.rules.comparisons import Comparison
from shared.rules.rule import Rule
from shared.rules.vocabulary import READERS, Kind

_MOST = 4_096

Compared = list[tuple[int, Comparison]]  # the comparisons of one fact, each with the place of its rule
Known = dict[object, int]
Select = Callable[[Any], int]
"""From a fact's value, as rules see it, to the rules that it leaves."""


@dataclass(frozen=True, slots=True)
class Table:
    """Of one fact: the rules that are left by each value (`select`), and where it is not known (`absent`).

    `read` takes a value to what rules see of it, None for one of another kind. `known` are values of type `exact` of which the rules
    are known without a look at them: those texts and truths that rules name, and whole numbers that were asked for.
    """

    name: str
    exact: type | None
    read: Callable[[object], object]
    absent: int
    select: Select
    known: Known

    def look_up(self, value: object) -> int | None:
        """The rules that are left by any value; None for one that is not of the fact's kind."""
        seen = self.read(value)
        if seen is None:
            return None
        left = self.select(seen)
        if type(value) is int and len(self.known) < _MOST:
            self.known[value] = left
        return left


def tables(rules: Sequence[Rule], kinds: Mapping[str, Kind]) -> Iterator[Table]:
    """One for each fact that is compared, first those that most rules compare: they leave the fewest."""
    every = (1 << len(rules)) - 1
    compared: dict[str, dict[Callable[[Compared, int], tuple[Known, Select]], Compared]] = defaultdict(lambda: defaultdict(list))
    for place, rule in enumerate(rules):
        for conjunct in rule.conjuncts:
            compared[conjunct.name][_BY[conjunct.op]].append((place, conjunct))
    for name, by in sorted(compared.items(), key=lambda one: (-sum(map(len, one[1].values())), one[0])):
        absent = every & ~bits(place for comparisons in by.values() for place, _ in comparisons)
        found = [select_by(comparisons, every) for select_by, comparisons in by.items()]
        known, select = found[0] if len(found) == 1 else ({}, _by_all([one for _, one in found]))
        exact, read = READERS[kinds[name]]
        yield Table(name, int if kinds[name] is Kind.NUMBER else exact, read, absent, select, known)


def bits(places: Iterable[int] | Mapping[int, object]) -> int:
    """Rules, as a bit for each."""
    found = 0
    for place in places:
        found |= 1 << place
    return found


def _by_all(selects: Sequence[Select]) -> Select:
    """Of a fact that is compared in several ways."""

    def select(value: Any) -> int:
        left = -1
        for one in selects:
            left &= one(value)
        return left

    return select


def _by_point(comparisons: Compared, every: int) -> tuple[Known, Select]:
    """Of values that no rule names, only `!=` holds."""
    others = every & ~bits(place for place, one in comparisons if one.op != "!=")
    named: dict[object, Compared] = defaultdict(list)
    for place, one in comparisons:
        for value in one.values:
            named[value].append((place, one))
    accepting: dict[int, list[set[object]]] = defaultdict(list)
    refusing: dict[int, set[object]] = defaultdict(set)
    for place, one in comparisons:
        if one.op == "!=":
            refusing[place].update(one.values)
        else:
            accepting[place].append(set(one.values))
    table: Known = {}
    for value, ones in named.items():
        places = {place for place, _ in ones}
        hold = {place for place in places if value not in refusing[place] and all(value in values for values in accepting[place])}
        table[value] = others & ~bits(places) | bits(hold)
    return table, lambda value: table.get(value, others)


def _by_order(comparisons: Compared, every: int) -> tuple[Known, Select]:
    """Between the constants that rules name, and at each of them, the same rules hold: 2k + 1 stretches, found by bisection."""
    bounds: list[Any] = sorted({one.values[0] for _, one in comparisons})
    first, last = {place: 0 for place, _ in comparisons}, {place: 2 * len(bounds) for place, _ in comparisons}
    for place, one in comparisons:
        at = 2 * bisect_left(bounds, one.values[0]) + 1
        if one.op in (">", ">="):
            first[place] = max(first[place], at + (one.op == ">"))
        else:
            last[place] = min(last[place], at - (one.op == "<"))
    changes = [0] * (2 * len(bounds) + 2)
    for place, start in first.items():
        if start <= last[place]:
            changes[start] ^= 1 << place
            changes[last[place] + 1] ^= 1 << place
    free = every & ~bits(first)
    stretches, holding = [], free
    for change in changes[:-1]:
        holding ^= change
        stretches.append(holding)

    def select(value: Any) -> int:
        at = bisect_left(bounds, value)
        return stretches[2 * at + (at < len(bounds) and bounds[at] == value)]

    return {}, select


def _by_member(comparisons: Compared, every: int) -> tuple[Known, Select]:
    """A rule that asks for several members needs them all, so each is taken off the rules that it would leave."""
    free = every & ~bits(place for place, _ in comparisons)
    wanted: dict[int, set[object]] = defaultdict(set)
    for place, one in comparisons:
        wanted[place].update(one.values)
    single: dict[object, int] = defaultdict(int)
    several = {place: values for place, values in wanted.items() if len(values) > 1}
    for place, values in wanted.items():
        single[min(values, key=repr)] |= 1 << place

    def select(members: list[object]) -> int:
        left = free
        for member in members:
            if member in single:
                left |= single[member]
        for place, values in several.items():
            if left >> place & 1 and not values.issubset(members):
                left ^= 1 << place
        return left

    return {}, select


_BY = {
    **dict.fromkeys(("==", "!=", "in"), _by_point),
    **dict.fromkeys(("<", "<=", ">", ">="), _by_order),
    "has": _by_member,
}
