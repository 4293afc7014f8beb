"""Whose turn it is in one pool: its strategy, its requirement classes, and what everyone was entitled to and received.

This is what a group's state holds for each pool. It says who may receive and what was given out, and asks `peek`; all of
that is deterministic, and asking changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.rotation import PARTS, Counters, Rotation
from services.router.domain.strategies.classes import EVERYONE, Classes, Part
from services.router.domain.strategies.requirement_class import RequirementClass
from services.router.domain.strategies.standings import Seat, Standings, places_of
from services.router.domain.strategies.strategy import Offer, Way
from shared.ids import id_of


class Turns:
    """The turns of a pool. Members are fixed, nobody may receive at first.

    A pool of an older group goes on with its `counters()` as `carried` and its `snapshot()` as `document`; who is in neither
    starts level. `restore` reads a snapshot back whole.
    """

    def __init__(
        self,
        pool: str,
        way: Way,
        seats: Iterable[Seat],
        carried: Mapping[UUID, Counters] | None = None,
        *,
        document: Mapping[str, Any] | None = None,
    ) -> None:
        self.way = way
        self._standings = Standings(pool, seats)
        measured = _read_standings(self._standings, carried or {}, document or {"taken": 0, "members": []})
        self._classes = Classes(way, self._standings, carried or {})
        self.follows_standings = self._classes.everyone.strategy.follows_standings
        self._measure = self._new_measure(measured)

    @property
    def members(self) -> tuple[UUID, ...]:
        """All members, by id."""
        return self._standings.members

    @property
    def eligible(self) -> tuple[UUID, ...]:
        """Those who may receive, by id. O(n): for looking, not for deciding."""
        return self._classes.receiving

    def __contains__(self, agent_id: object) -> bool:
        return agent_id in self._standings

    def weight(self, agent_id: UUID) -> int:
        return self._standings[agent_id].weight

    def level(self, agent_id: UUID) -> int:
        return self._standings.by_id[agent_id].level

    def of(self, among: frozenset[UUID] | None) -> RequirementClass:
        """The requirement class of these members (None: everyone), as it stands now."""
        return self._classes.of(among)

    def eligible_count(self, among: frozenset[UUID] | None = None) -> int:
        """How many may receive, of all or of a set of members."""
        return self._classes.of(among).strategy.eligible_count

    def admit(self, agent_id: UUID) -> None:
        """Lets a member receive from the next turn on."""
        self._classes.set(agent_id, Part.RECEIVES)

    def withdraw(self, agent_id: UUID, *, earning: bool = False) -> None:
        """Lets a member sit out; with `earning` it stays entitled to its share."""
        self._classes.set(agent_id, Part.EARNS if earning else Part.NONE)

    def step_out(self, agent_id: UUID) -> None:
        """Lets a member who is withdrawn be away: what is given out meanwhile is nothing that it would be owed by any strategy."""
        self._standings.step_out(agent_id)
        if self._measure:
            self._measure.withdraw(agent_id)

    def step_in(self, agent_id: UUID) -> None:
        """Takes back what `step_out` did; the member comes back as it stood."""
        self._standings.step_in(agent_id)
        if self._measure:
            self._measure.withdraw(agent_id, earning=True)

    def changed(self, agent_id: UUID, *, open: int, capacity: int | None) -> None:
        """Takes what a member holds of open work, and its cap of it, both in one unit."""
        one = self._standings.by_id[agent_id]
        if one.open != open or one.capacity != capacity:
            one.open, one.capacity = open, capacity
            if self.follows_standings:
                self._classes.refresh(agent_id)

    def peek(
        self,
        now: datetime,
        *,
        among: frozenset[UUID] | None = None,
        without: Collection[UUID] = (),
        offered: bool = False,
    ) -> UUID | Offer | None:
        """Who gets the next lead, of all or of the members who meet what is asked; None where nobody may.

        `without` are members who shall not get this one, such as those who sent it back. `offered`: nobody claimed it.
        """
        return self._classes.of(among).peek(now, without=without, offered=offered)

    def name(self, among: frozenset[UUID] | None) -> int | str:
        """The class of these members, as `take` reads it and a ledger entry keeps it: a number, or the members as text."""
        return self._classes.name(self._classes.of(among))

    def name_of(self, held: RequirementClass) -> int | str:
        """As `name`, of a class that `of` found."""
        return self._classes.name(held)

    def take(self, agent_id: UUID, *, of: int | str = EVERYONE, without: Collection[UUID] = ()) -> int:
        """Gives the agent a turn of a class, with the same `without` as in `peek`; returns the class's number for `give_back`.

        Raises KeyError for one who is not in the pool or the class, and for a class that there is not.
        """
        taken = self._classes.named(of)
        if agent_id not in taken.members:
            raise KeyError(agent_id)
        number = self._classes.keep(taken) if taken.number is None else taken.number
        self._standings.take(agent_id)
        if without:
            with taken.sitting_out(without):
                taken.strategy.take(agent_id)
        else:
            taken.strategy.take(agent_id)
        if self._measure:
            self._measure.take(agent_id)
        taken.used = self._standings.taken
        self._settle(agent_id)
        return number

    def give_back(self, agent_id: UUID, *, of: int = EVERYONE) -> None:
        """Undoes a turn of the agent: exactly where the same may receive as then, else in the present shares.

        Admit whoever the returned lead frees first. Raises ValueError where the agent has received no turn. A class that was
        dropped meanwhile is answered for by everyone's.
        """
        given = self._classes[of if of in self._classes else EVERYONE]
        self._standings.give_back(agent_id)
        self._classes.give_back(agent_id, given)
        if self._measure:
            self._measure.give_back(agent_id)
        self._settle(agent_id)

    def adjust(self, agent_id: UUID, parts: int) -> None:
        """Changes what a member is entitled to by so many PARTS of a turn, in the class that was used last."""
        self._classes.latest(agent_id).strategy.adjust(agent_id, parts)
        if self._measure:
            self._measure.adjust(agent_id, parts)
        self._standings[agent_id].level_at -= parts
        self._settle(agent_id)

    def reweight(self, agent_id: UUID, weight: int) -> None:
        """Changes shares from the next turn on; differences stay, and what counts as received stays in proportion."""
        self._standings.reweight(agent_id, weight)
        if self._measure:
            self._measure.reweight(agent_id, weight)
        for held in self._classes.with_member(agent_id):
            held.strategy.reweight(agent_id, weight)
        self._settle(agent_id)

    def counters(self, agent_id: UUID) -> Counters:
        """What a member was entitled to and received, over all classes."""
        found = self._classes.counters(agent_id)
        return self._measured(agent_id) if found is None else found

    def stake(self, agent_id: UUID) -> int:
        """What a member's share of a turn is in proportion to: its weight, or its percentage where these are shared by."""
        one = self._standings[agent_id]
        return one.percent if "share" in (self.way.kind, self.way.fallback) else one.weight

    def rivals(self, agent_id: UUID, those: list[UUID], *, of: int | str = EVERYONE) -> list[UUID]:
        """Those of some members who would share in a turn of a class, named as for `take`, that this member takes."""
        if of != EVERYONE:
            members = self.named(of).members
            those = [one for one in those if one in members]
        if self.way.kind == "waterfall":
            level = self.level(agent_id)
            those = [one for one in those if self.level(one) == level]
        return those

    def named(self, of: int | str) -> RequirementClass:
        """The class of that name, as for `take`. Raises KeyError for a class that there is not."""
        return self._classes.named(of)

    def share(self, agent_id: UUID, *, among: frozenset[UUID] | None = None, without: Collection[UUID] = ()) -> int:
        """PARTS that this member is entitled to of the next turn of these members; 0 for one who is not among them."""
        return self.share_in(self._classes.of(among), agent_id, without=without)

    def share_in(self, held: RequirementClass, agent_id: UUID, *, without: Collection[UUID] = ()) -> int:
        """As `share`, of a class that `of` or `named` found."""
        if agent_id not in held.members:
            return 0
        if self._measure and held.strategy.tally(agent_id) is None:
            return self._measure.share(agent_id)
        if not without:
            return held.strategy.share(agent_id)
        with held.sitting_out(without):
            return held.strategy.share(agent_id)

    def snapshot(self) -> dict[str, Any]:
        """What must be remembered, as data that JSON can carry; who may receive is not in it, nor open work."""
        members = [self._member_document(agent_id) for agent_id in self.members]
        return {"taken": self._standings.taken, "members": members, **self._classes.snapshot()}

    @classmethod
    def restore(cls, pool: str, way: Way, document: Mapping[str, Any]) -> Turns:
        """The turns of which `snapshot` made this document, with nobody admitted."""
        seats = [Seat(id_of(one["agent_id"]), one["weight"], one["level"], one["percent"]) for one in document["members"]]
        turns = cls(pool, way, seats, document=document)
        turns._classes = Classes.restore(way, turns._standings, document)
        return turns

    def _settle(self, agent_id: UUID) -> None:
        """What the pool owes the member changed, and its standing with it."""
        self._classes.forget_draft()
        if self.follows_standings:
            self._classes.refresh(agent_id)

    def _new_measure(self, measured: Mapping[UUID, Counters]) -> Rotation | None:
        """Measures strategies that keep no entitlement: everyone's part by weight of all that the pool gives out."""
        if all(self._classes.everyone.counters(agent_id) for agent_id in self.members):
            return None
        measure = Rotation({agent_id: self.weight(agent_id) for agent_id in self.members}, measured)
        for agent_id in self.members:
            measure.withdraw(agent_id, earning=True)
        return measure

    def _measured(self, agent_id: UUID) -> Counters:
        return self._measure.counters(agent_id) if self._measure else self.counters(agent_id)

    def _member_document(self, agent_id: UUID) -> dict[str, Any]:
        one = self._standings[agent_id]
        seat = {"agent_id": str(agent_id), "weight": one.weight, "level": one.level, "percent": one.percent}
        return {**seat, **self._standings.to_document(agent_id), "owed": self._measured(agent_id).difference}


def _read_standings(standings: Standings, carried: Mapping[UUID, Counters], document: Mapping[str, Any]) -> dict[UUID, Counters]:
    """Takes what is known of each member; returns what they are measured by."""
    known = {id_of(one["agent_id"]): one for one in document["members"]}
    standings.taken = document["taken"]
    measured = dict(carried)
    for agent_id in standings.members:
        one = standings[agent_id]
        if found := known.get(agent_id):
            one.received, one.turns = found["received"], places_of(found["turns"])
            counted = PARTS * one.received + found["level_at"]
            one.level_at = counted * one.weight // found["weight"] - PARTS * one.received  # as `reweight` has it
            measured[agent_id] = Counters(PARTS * one.received + found["owed"], one.received)
        elif agent_id in carried:
            one.received = carried[agent_id].received
    standings.calibrate(one for one in standings.members if one not in known and one not in carried)
    return measured
