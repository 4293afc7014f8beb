"""Many rules over one lead: their comparisons with constants become bit indexes, and only what remains of a rule is evaluated.

Each rule is a bit. For each fact that rules compare there is a table from the fact's value to the set of rules whose comparisons of that
fact hold, so that a lead costs a look-up a fact and an `&` over all rules together, however many rules there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from shared.rules.definitions import Definitions
from shared.rules.engine import Unknown
from shared.rules.rule import Rule
from shared.rules.tables import Table, bits, tables
from shared.rules.vocabulary import Facts, Kind, Lead, Vocabulary, reader

_NOTHING: Mapping[str, str] = {}


class RuleSet:
    """Rules that are asked of the same leads; `matching` gives what asking each would. They must agree on the kind of each fact.

    `definitions` are those that the rules may name: they are judged on the way, of facts that are read once for all.
    """

    def __init__(self, rules: Sequence[Rule], definitions: Definitions | None = None) -> None:
        self.rules = tuple(rules)
        self._definitions = definitions
        self._all = (1 << len(self.rules)) - 1
        kinds = _kinds(self.rules, definitions)
        defined = set(definitions.rules) if definitions else set()
        self._read = reader(Vocabulary(kinds), kinds.keys() - defined)
        self._tables = tuple(tables(self.rules, kinds))
        self._defined = tuple(table for table in self._tables if table.name in defined)
        read = (table for table in self._tables if table.name not in defined)
        self._compared = tuple((one.name, one.exact, one.known.get, one.absent, one.look_up) for one in read)
        self._rests = {place: rule.rest.evaluate for place, rule in enumerate(self.rules) if rule.rest}
        self._plain = self._all & ~bits(self._rests)
        self._told = self._plain & ~bits(place for place, rule in enumerate(self.rules) if not rule.names.isdisjoint(defined))

    def matching(self, facts: Facts) -> list[int]:
        """The places of the rules that match, ascending."""
        left, odd = self._narrow(facts)
        lead: Lead = {}
        if odd or left & ~self._told:
            lead, left, _, _ = self._complete(facts, left)
        return list(self._matches(left, lead, []))

    def first(self, facts: Facts) -> int | None:
        """The place of the first rule that matches."""
        return self.search(facts)[0]

    def search(self, facts: Facts) -> tuple[int | None, tuple[int, ...]]:
        """The place of the first rule that matches, and of those before it the ones that failed (`Rule.judge`).

        Costs no more than the look-ups where they leave no rule, or first one of which they tell all.
        """
        left, odd = self._narrow(facts)
        first = left & -left
        if not odd and first & self._told == first:
            return (first.bit_length() - 1 if first else None), ()
        return self._search(*self._complete(facts, left))

    def _search(self, lead: Lead, left: int, odd: Sequence[str], failed: Mapping[str, str]) -> tuple[int | None, tuple[int, ...]]:
        doubts: list[tuple[int, Unknown]] = []
        found = next(self._matches(left, lead, doubts), None)
        if not (doubts or odd or failed):
            return found, ()
        places = {place for place, doubt in doubts if doubt.name is None}
        if wrong := {*odd, *failed}:
            before = self._all if found is None else (1 << found) - 1
            places.update(self._spoiled(lead, wrong, before))
        return found, tuple(sorted(places))

    def _narrow(self, facts: Facts) -> tuple[int, bool]:
        """The rules that the tables of facts leave, and whether a fact that is compared is odd: of another kind."""
        left, odd, get = self._all, False, facts.get
        for name, exact, known, absent, look_up in self._compared:
            value = get(name)
            if value is None:
                found: int | None = absent
            elif type(value) is not exact or (found := known(value)) is None:
                found = look_up(value)
            if found is None:
                found, odd = absent, True
            left &= found
        return left, odd

    def _complete(self, facts: Facts, left: int) -> tuple[Lead, int, Sequence[str], Mapping[str, str]]:
        """The facts as rules see them, with definitions; what these leave of the rules; odd facts, and definitions that failed."""
        lead, odd = self._read(facts)
        failed = self._definitions.judge(lead, odd, facts) if self._definitions else _NOTHING
        return lead, left & self._left(lead, self._defined), odd, failed

    def _spoiled(self, lead: Lead, wrong: Set[str], among: int) -> Iterator[int]:
        """Of these rules those that are unknown by what is wrong with some facts, and not ruled out by what is known of others."""
        left = among & self._left(lead, [table for table in self._tables if table.name not in wrong])
        for place, rule in enumerate(self.rules if left else ()):
            if left >> place & 1 and not rule.names.isdisjoint(wrong) and isinstance(rule.evaluate(lead), Unknown):
                yield place

    def _left(self, lead: Lead, tables: Iterable[Table]) -> int:
        """The rules all of whose comparisons hold, as far as these tables tell."""
        left = self._all
        for table in tables:
            value = lead.get(table.name)
            left &= table.absent if value is None else table.select(value)
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
