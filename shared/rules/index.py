"""Many rules over one lead: their comparisons with constants become bit indexes, and only what remains of a rule is evaluated.

Each rule is a bit. For each fact that rules compare there is a table from the fact's value to the set of rules whose comparisons of that
fact hold, so that a lead costs a look-up a fact and an `&` over all rules together, however many rules there are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from shared.rules.comparisons import Comparison
from shared.rules.definitions import Definitions
from shared.rules.engine import Unknown
from shared.rules.rule import Rule
from shared.rules.vocabulary import MAX_CHARACTERS, READERS, Facts, Kind, Lead, Vocabulary, reader

Compared = list[tuple[int, Comparison]]  # the comparisons of one fact, each with the place of its rule
Select = Callable[[Any, int], int]
"""From a fact's value to the rules that it leaves; the second is what is left by a value that no rule names."""
Table = tuple[str, int, int, Select]
"""A fact's name, the rules that are left where it is not known, what its `select` is given beside the value, and that."""
_NOTHING: Mapping[str, str] = {}


class RuleSet:
    """Rules that are asked of the same leads; `matching` gives what asking each would. They must agree on the kind of each fact.

    `definitions` are those that the rules may name: they are judged on the way, of facts that are read once for all.
    """

    def __init__(self, rules: Sequence[Rule], definitions: Definitions | None = None) -> None:
        self.rules = tuple(rules)
        self._definitions = definitions
        self._all = (1 << len(self.rules)) - 1
        tables = list(_tables(self.rules, self._all))
        defined = set(definitions.rules) if definitions else set()
        kinds = _kinds(self.rules, definitions)
        self._compared = tuple((*table, *READERS[kinds[table[0]]]) for table in tables if table[0] not in defined)
        self._read = reader(Vocabulary(kinds), kinds.keys() - {table[0] for table in tables} - defined)
        self._defined = [table for table in tables if table[0] in defined]
        self._tables = tables
        self._rests = {place: rule.rest.evaluate for place, rule in enumerate(self.rules) if rule.rest}
        self._plain = self._all & ~_bits(self._rests)
        self._told = self._plain & ~_bits(place for place, rule in enumerate(self.rules) if not rule.names.isdisjoint(defined))

    def matching(self, facts: Facts) -> list[int]:
        """The places of the rules that match, ascending."""
        lead, left, _, _ = self._complete(facts, *self._narrow(facts))
        return list(self._matches(left, lead, []))

    def first(self, facts: Facts) -> int | None:
        """The place of the first rule that matches."""
        return self.search(facts)[0]

    def search(self, facts: Facts) -> tuple[int | None, tuple[int, ...]]:
        """The place of the first rule that matches, and of those before it the ones that failed (`Rule.judge`).

        Costs no more than the look-ups where they leave no rule, or first one of which they tell all.
        """
        lead, left, odd = self._narrow(facts)
        first = left & -left
        if not odd and first & self._told == first:
            return (first.bit_length() - 1 if first else None), ()
        lead, left, odd, failed = self._complete(facts, lead, left, odd)
        doubts: list[tuple[int, Unknown]] = []
        found = next(self._matches(left, lead, doubts), None)
        if not (doubts or odd or failed):
            return found, ()
        places = {place for place, doubt in doubts if doubt.name is None}
        if wrong := {*odd, *failed}:
            before = self._all if found is None else (1 << found) - 1
            places.update(self._spoiled(lead, wrong, before))
        return found, tuple(sorted(places))

    def _narrow(self, facts: Facts) -> tuple[Lead, int, tuple[str, ...]]:
        """The facts that are compared, as rules see them; the rules that their tables leave; and odd ones.

        What is compared is read and looked up in one go, which ends where no rule is left.
        """
        lead: Lead = {}
        odd: tuple[str, ...] = ()
        left, get = self._all, facts.get
        for name, absent, others, select, exact, convert in self._compared:
            value = get(name)
            if value is not None and (type(value) is not exact or (exact is str and len(value) > MAX_CHARACTERS)):  # type: ignore[arg-type]
                value = convert(value)
                odd = odd if value is not None else (*odd, name)
            if value is None:
                left &= absent
            else:
                lead[name] = value
                left &= select(value, others)
            if not (left or odd):
                break
        return lead, left, odd

    def _complete(
        self, facts: Facts, lead: Lead, left: int, odd: tuple[str, ...]
    ) -> tuple[Lead, int, tuple[str, ...], Mapping[str, str]]:
        """What `_narrow` found, with the facts that are not compared and with definitions; also the definitions that failed."""
        if not (left or odd):
            return lead, left, odd, _NOTHING
        others, more = self._read(facts)
        lead |= others
        odd += more
        if self._definitions is None:
            return lead, left, odd, _NOTHING
        failed = self._definitions.judge(lead, odd, facts)
        return lead, left & self._left(lead, self._defined), odd, failed

    def _spoiled(self, lead: Lead, wrong: Set[str], among: int) -> Iterator[int]:
        """Of these rules those that are unknown by what is wrong with some facts, and not ruled out by what is known of others."""
        left = among & self._left(lead, [table for table in self._tables if table[0] not in wrong])
        for place, rule in enumerate(self.rules if left else ()):
            if left >> place & 1 and not rule.names.isdisjoint(wrong) and isinstance(rule.evaluate(lead), Unknown):
                yield place

    def _left(self, lead: Lead, tables: Iterable[Table]) -> int:
        """The rules all of whose comparisons hold, as far as these tables tell."""
        left = self._all
        get = lead.get
        for name, absent, others, select in tables:
            value = get(name)
            left &= absent if value is None else select(value, others)
        return left

    def _matches(self, left: int, lead: Lead, doubts: list[tuple[int, Unknown]]) -> Iterator[int]:
        """Those that match among the rules that are left; `doubts` gets those of which that is unknown."""
        rests = self._rests
        while left:
            lowest = left & -left
            left ^= lowest
            place = lowest.bit_length() - 1
            if lowest & self._plain or (held := rests[place](lead)) is True:
                yield place
            elif held is not False:
                doubts.append((place, held))


def _kinds(rules: Iterable[Rule], definitions: Definitions | None) -> dict[str, Kind]:
    """What the rules ask for, and the definitions do, each with its kind."""
    kinds: dict[str, Kind] = {name: definitions.vocabulary.names[name] for name in definitions.asked} if definitions else {}
    for rule in rules:
        for name in rule.names:
            kind = rule.vocabulary.names[name]
            if kinds.setdefault(name, kind) is not kind:
                raise ValueError(f"{name!r} is {kinds[name]} to one rule and {kind} to another")
    return kinds


# -- Tables ----------------------------------------------------------------------------------------------------------------------


def _tables(rules: Sequence[Rule], every: int) -> Iterator[Table]:
    """One for each fact that is compared, first those that most rules compare: they leave the fewest."""
    compared: dict[str, dict[Callable[[Compared, int], tuple[int, Select]], Compared]] = defaultdict(lambda: defaultdict(list))
    for place, rule in enumerate(rules):
        for conjunct in rule.conjuncts:
            compared[conjunct.name][_BY[conjunct.op]].append((place, conjunct))
    for name, by in sorted(compared.items(), key=lambda one: (-sum(map(len, one[1].values())), one[0])):
        absent = every & ~_bits(place for comparisons in by.values() for place, _ in comparisons)
        selects = [select_by(comparisons, every) for select_by, comparisons in by.items()]
        yield name, absent, *(selects[0] if len(selects) == 1 else _by_all(selects, every))


def _by_all(selects: Sequence[tuple[int, Select]], every: int) -> tuple[int, Select]:
    """Of a fact that is compared in several ways."""

    def select(value: Any, left: int) -> int:
        for others, one in selects:
            left &= one(value, others)
        return left

    return every, select


def _by_point(comparisons: Compared, every: int) -> tuple[int, Select]:
    """Of values that no rule names, only `!=` holds."""
    others = every & ~_bits(place for place, one in comparisons if one.op != "!=")
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
    table = {}
    for value, ones in named.items():
        places = {place for place, _ in ones}
        hold = {place for place in places if value not in refusing[place] and all(value in values for values in accepting[place])}
        table[value] = others & ~_bits(places) | _bits(hold)
    return others, table.get


def _by_order(comparisons: Compared, every: int) -> tuple[int, Select]:
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
    free = every & ~_bits(first)
    stretches, holding = [], free
    for change in changes[:-1]:
        holding ^= change
        stretches.append(holding)

    def select(value: Any, _: int) -> int:
        at = bisect_left(bounds, value)
        return stretches[2 * at + (at < len(bounds) and bounds[at] == value)]

    return free, select


def _by_member(comparisons: Compared, every: int) -> tuple[int, Select]:
    """A rule that asks for several members needs them all, so each is taken off the rules that it would leave."""
    free = every & ~_bits(place for place, _ in comparisons)
    wanted: dict[int, set[object]] = defaultdict(set)
    for place, one in comparisons:
        wanted[place].update(one.values)
    single: dict[object, int] = defaultdict(int)
    several = {place: values for place, values in wanted.items() if len(values) > 1}
    for place, values in wanted.items():
        single[min(values, key=repr)] |= 1 << place

    def select(members: list[object], left: int) -> int:
        for member in members:
            left |= single.get(member, 0)
        for place, values in several.items():
            if left >> place & 1 and not values.issubset(members):
                left ^= 1 << place
        return left

    return free, select


_BY = {
    **dict.fromkeys(("==", "!=", "in"), _by_point),
    **dict.fromkeys(("<", "<=", ">", ">="), _by_order),
    "has": _by_member,
}


def _bits(places: Iterable[int] | Mapping[int, object]) -> int:
    bits = 0
    for place in places:
        bits |= 1 << place
    return bits
