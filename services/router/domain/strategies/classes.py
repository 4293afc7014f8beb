"""The requirement classes of a pool: those members who meet what is asked for a lead, each set with a strategy of its own.

Everyone is a class too, number 0. A class is kept from its first turn on, and numbered then; until then it is made again
whenever it is asked for, so that asking changes nothing. Of too many, the one unused for longest is dropped, its counters
kept in the sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any
from uuid import UUID

from services.router.domain.rotation import PARTS, Counters, split
from services.router.domain.strategies.registry import make
from services.router.domain.strategies.requirement_class import Changes, MemberSets, RequirementClass
from services.router.domain.strategies.standings import Standings
from services.router.domain.strategies.strategy import Plan, Way
from shared.ids import id_of

EVERYONE = 0
_MOST = 256
_MOST_BORROWED = PARTS
_REMEMBERED_CHANGES = 1_024


class Part(IntEnum):
    """A member's part in the turns of a pool."""

    NONE = 0
    EARNS = 1  # is entitled to its share and receives nothing
    RECEIVES = 2


_NONE, _EARNS, _RECEIVES = Part  # looked up once: an enumeration finds its members by a function


class Classes:
    """Made with the class of everyone, which goes on with `carried`; nobody may receive at first."""

    def __init__(self, way: Way, standings: Standings, carried: Mapping[UUID, Counters]) -> None:
        self._way, self._standings = way, standings
        self._sets = MemberSets(standings.members)
        self._parts = [_NONE] * len(standings.members)  # by rank
        remembered = max(_REMEMBERED_CHANGES, len(standings.members))  # a large class is not looked through for a few
        self._changes = Changes(remembered)  # of who may receive
        self._moves = Changes(remembered)  # of standings
        self.everyone = self._new(standings.members, carried, {})
        self.everyone.number = EVERYONE
        self._of_member: dict[UUID, list[RequirementClass]] = {}
        self._classes: dict[int, RequirementClass] = {}
        self._by_members: dict[frozenset[UUID], RequirementClass] = {self.everyone.members: self.everyone}
        self._last_number = EVERYONE
        self._past: dict[UUID, Counters] = {}  # of classes that were dropped
        self._draft: RequirementClass | None = None

    def __getitem__(self, number: int) -> RequirementClass:
        """Raises KeyError for a class that there is not (any more)."""
        return self.everyone if number == EVERYONE else self._up_to_date(self._classes[number])

    def __contains__(self, number: int) -> bool:
        return number == EVERYONE or number in self._classes

    @property
    def receiving(self) -> tuple[UUID, ...]:
        """Those who may receive, by id. O(n)."""
        members = zip(self._standings.members, self._parts, strict=True)
        return tuple(agent_id for agent_id, part in members if part is _RECEIVES)

    def with_member(self, agent_id: UUID) -> Iterator[RequirementClass]:
        yield self.everyone
        yield from self._of_member.get(agent_id, ())

    def latest(self, agent_id: UUID) -> RequirementClass:
        """The class used last of those that the member is in: the next leads will be of it, as far as anybody can tell."""
        return max(self.with_member(agent_id), key=lambda held: held.used)

    def set(self, agent_id: UUID, part: Part) -> None:
        rank = self._standings[agent_id].rank
        if self._parts[rank] is not part:
            self._parts[rank] = part
            self._apply((rank,), self.everyone)
            self._changes.add(rank)

    def refresh(self, agent_id: UUID) -> None:
        """The member's standing changed: to be told where the strategy follows standings."""
        rank = self._standings.by_id[agent_id].rank
        self.everyone.strategy.refresh((rank,))
        self._moves.add(rank)

    def forget_draft(self) -> None:
        """What the pool owes to somebody changed, and so what a new class begins with."""
        self._draft = None

    def of(self, among: frozenset[UUID] | None) -> RequirementClass:
        """The class of these members (None: everyone), as it stands."""
        if among is None:
            return self.everyone
        held = self._by_members.get(among)
        if held is None:
            if self._draft is None or self._draft.members != among:
                self._draft = self._seed(among)
            held = self._draft
        elif held.members is not among:  # an equal set, to be found by being the same one from now on, without comparing members
            held.members = among
            self._by_members[among] = self._by_members.pop(among)
        return self._up_to_date(held)

    def name(self, held: RequirementClass) -> int | str:
        """A class's number; of one that is not kept yet, its members as text."""
        return self._sets.to_text(held.members) if held.number is None else held.number

    def named(self, name: int | str) -> RequirementClass:
        """The reverse of `name`. Raises KeyError for a number that there is not (any more)."""
        if name == EVERYONE:
            return self.everyone
        return self._up_to_date(self._classes[name]) if isinstance(name, int) else self.of(self._sets.from_text(name))

    def keep(self, held: RequirementClass) -> int:
        """Numbers a class that is not numbered yet; returns its number."""
        self._last_number += 1
        self._add(self._last_number, held)
        self._draft = None
        if len(self._classes) > _MOST:
            self._drop(min(self._classes, key=lambda number: self._classes[number].used or self._standings.taken + 1))
        return self._last_number

    def counters(self, agent_id: UUID) -> Counters | None:
        """A member's, over all classes; None where the strategy keeps none of it."""
        found = self.everyone.strategy.tally(agent_id)  # which began with no seeds
        if found is None:
            return None
        entitled, received = found
        for held in self._of_member.get(agent_id, ()):
            if kept := held.strategy.tally(agent_id):
                entitled += kept[0] - held.seeds.get(agent_id, 0)
                received += kept[1]
        if past := self._past.get(agent_id):
            entitled, received = entitled + past.entitled, received + past.received
        return Counters(entitled, received)

    def give_back(self, agent_id: UUID, held: RequirementClass) -> None:
        """Undoes a turn in the class; where the member received none in it, since that was in a dropped one, in the sums."""
        kept = held.counters(agent_id)
        if kept is None or kept.received:
            held.strategy.give_back(agent_id)
        else:
            self._past[agent_id] = self._past.get(agent_id, Counters()) + Counters(0, -1)

    def snapshot(self) -> dict[str, Any]:
        return {
            "everyone": to_document(self.everyone.kept),
            "used": self.everyone.used,
            "last_number": self._last_number,
            "classes": [self._document(number, held) for number, held in self._classes.items()],
            "past": to_document(self._past),
        }

    @classmethod
    def restore(cls, way: Way, standings: Standings, document: Mapping[str, Any]) -> Classes:
        """The classes of which `snapshot` made this document, with nobody admitted."""
        classes = cls(way, standings, from_document(document["everyone"]))
        classes._last_number, classes._past = document["last_number"], from_document(document["past"])
        classes.everyone.used = document.get("used", 0)
        for one in document["classes"]:
            seeds = {id_of(agent_id): seed for agent_id, seed in one["seeds"].items()}
            held = classes._new(classes._sets.from_text(one["members"]), from_document(one["counters"]), seeds)
            held.used = one["used"]
            classes._add(one["number"], held)
        return classes

    def _up_to_date(self, held: RequirementClass) -> RequirementClass:
        if held is self.everyone:
            return held
        changes, moves = self._changes, self._moves
        if held.read != changes.number:
            self._apply(changes.since(held.read, held.ranks), held)
            held.read = changes.number
        if held.seen != moves.number:
            held.strategy.refresh(moves.whoever(held.seen, held.ranks))
            held.seen = moves.number
        return held

    def _apply(self, ranks: Iterable[int], held: RequirementClass) -> None:
        parts, members, strategy = self._parts, self._standings.members, held.strategy
        for rank in ranks:
            if parts[rank] is _RECEIVES:
                strategy.admit(members[rank])
            else:
                strategy.withdraw(members[rank], earning=parts[rank] is _EARNS)

    def _seed(self, members: frozenset[UUID]) -> RequirementClass:
        """A class that begins with what the pool owes its members, in proportion to each other.

        Beginning level would give the first turn of each class to the same member, and all turns where classes are many. But no more
        than a turn: the pool goes on to owe it, and what is much, such as a credit, would be paid by each new class anew.
        """
        ids = self._standings.members
        ordered = [ids[rank] for rank in sorted(self._standings[agent_id].rank for agent_id in members)]
        owed = [(self.counters(agent_id) or Counters()).difference for agent_id in ordered]
        level = split(sum(owed), [self._standings[agent_id].weight for agent_id in ordered]) if ordered else []
        most = _MOST_BORROWED
        seeds = {one: max(-most, min(mine - part, most)) for one, mine, part in zip(ordered, owed, level, strict=True)}
        return self._new(ordered, {one: Counters(seed, 0) for one, seed in seeds.items()}, seeds)

    def _new(self, members: Iterable[UUID], carried: Mapping[UUID, Counters], seeds: Mapping[UUID, int]) -> RequirementClass:
        ordered = tuple(
            sorted(members, key=lambda one: (-seeds.get(one, 0), self._standings[one].tie, self._standings[one].rank))
        )
        strategy = make(Plan(self._way, ordered, self._standings, make, carried))
        ranks = [self._standings[agent_id].rank for agent_id in ordered]
        held = RequirementClass(frozenset(ordered), frozenset(ranks), strategy, seeds, self._changes.number, self._moves.number)
        self._apply([rank for rank in ranks if self._parts[rank] is not _NONE], held)
        return held

    def _add(self, number: int, held: RequirementClass) -> None:
        self._classes[number], held.number = held, number
        self._by_members[held.members] = held
        for agent_id in held.members:
            self._of_member.setdefault(agent_id, []).append(held)

    def _drop(self, number: int) -> None:
        held = self._classes.pop(number)
        held.number = None
        del self._by_members[held.members]
        for agent_id in held.members:
            self._of_member[agent_id].remove(held)
            if counters := held.counters(agent_id):
                self._past[agent_id] = self._past.get(agent_id, Counters()) + counters

    def _document(self, number: int, held: RequirementClass) -> dict[str, Any]:
        return {
            "number": number,
            "members": self._sets.to_text(held.members),
            "seeds": {str(agent_id): seed for agent_id, seed in sorted(held.seeds.items())},
            "counters": to_document(held.kept),
            "used": held.used,
        }


def to_document(counters: Mapping[UUID, Counters]) -> dict[str, list[int]]:
    # The difference and not what was entitled: it stays small, and so within what any reader of JSON can hold.
    return {str(agent_id): [one.difference, one.received] for agent_id, one in sorted(counters.items())}


def from_document(document: Mapping[str, list[int]]) -> dict[UUID, Counters]:
    return {id_of(one): Counters(PARTS * received + owed, received) for one, (owed, received) in document.items()}
