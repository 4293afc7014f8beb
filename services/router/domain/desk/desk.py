"""The desk: decides one lead after the other, each on the state that the last one left, and records what is to be written and told.

Pure: it is given the active policy, the states of groups, the leads and the time; whoever opened it writes down its record. Production,
policy tests and simulation work at the same desk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.decision import (
    Decision,
    Outcome,
    Terms,
    decide_matched,
    hindrance,
    match_lead,
    place,
    reject,
)
from services.router.domain.desk import promises
from services.router.domain.desk.active import ActivePolicy
from services.router.domain.desk.asking import asks_of
from services.router.domain.desk.blotter import Blotter
from services.router.domain.desk.happenings import Assigned, Ended, How, OfferMade, Refused, Waited
from services.router.domain.desk.owners import Owners
from services.router.domain.lead import Case, Held, Offered, Queued, rank_of
from services.router.domain.ledger import Entry, ended
from services.router.domain.policy import Match
from services.router.domain.state import GroupState
from services.router.domain.strategies import EVERYONE

OVER = frozenset(("closed", "merged", "erased"))
"""Reasons for which an assignment ends together with the work on its lead."""

_HOW = {
    Outcome.KEPT: How.STICKY,
    Outcome.CLAIMED: How.CLAIMED,
    Outcome.BY_HAND: How.BY_HAND,
    Outcome.FORCED: How.FORCED,
    Outcome.RESTORED: How.RESTORED,
}


class Desk(Blotter):
    """`busy` are pools for which leads wait, `owners` who had whom: both are told to it before it decides."""

    def __init__(self, active: ActivePolicy, states: Mapping[int, GroupState], now: datetime, ids: Callable[[], UUID]) -> None:
        super().__init__(active, states, now, ids)
        self.owners = Owners()
        self.busy: set[str] = set()
        self._keeps = any(pool.sticky for pool in active.policy.pools.values())

    # -- Leads

    def match(self, lead: Case) -> Match:
        return match_lead(lead.view, self.policy)

    def still(self, lead: Case, rule: str | None, pool: str) -> Match:
        """Where a lead belongs that was matched before: by the rules of now, where a later policy has that pool no more."""
        return Match(rule, pool) if pool in self.policy.pools else self.match(lead)

    def is_routed(self, lead: Case) -> bool:
        """Whether leads of its qualification are given out at all."""
        return lead.qualification in self.policy.routed

    def reject(self, lead: Case, cause: Any) -> bool:
        """Rejects a lead whose qualification is not routed; False for one that is routed."""
        if self.is_routed(lead):
            return False
        decision = reject(lead.view, self.policy, self.now)
        assert decision is not None
        self.made(decision, None, None)
        promises.close(self, lead, "rejected", cause)
        lead.clocks = ()  # routed after all, it is promised anew
        self.refuse(lead, "not-routed", decision.reason, cause)
        return True

    def refuse(self, lead: Case, code: str, why: str, cause: Any, *, status: str = "rejected") -> None:
        """The lead is not routed, and somebody is told why. Where it waited or was on offer, it is no more, and no clock of it runs."""
        self.leave_queue(lead)
        promises.close(self, lead, code, cause)
        lead.status, lead.offered = status, None
        self.tell(lead, Refused(code, why), cause)

    # -- Deciding

    def decide(self, lead: Case, match: Match, cause: Any, *, offered: bool = False, how: How = How.DECIDED) -> Outcome:
        """Decides a lead in a pool; `offered` for one that nobody claimed.

        A lead that comes while others wait queues behind them; one that waits already and goes on waiting is left as it is.
        """
        group, state = self.state_of_pool(match.pool)
        number = state.number
        decision = decide_matched(
            lead.view, match, state, self.now, policy=self.policy, terms=self._terms(lead, match, offered=offered, how=how)
        )
        new = lead.queued is None or lead.queued.pool != match.pool
        behind = how is How.DECIDED and not offered and new and match.pool in self.busy
        if behind or decision.outcome is Outcome.QUEUED:
            self._wait(lead, decision, group, number, cause)
            return Outcome.QUEUED
        if decision.outcome is Outcome.OFFERED:
            self._offer(lead, decision, group, number, cause)
        else:
            self._assign(lead, decision, group, state, cause, how=_HOW.get(decision.outcome, how))
        return decision.outcome

    def can_give(self, lead: Case, match: Match, *, without: tuple[UUID, ...]) -> bool:
        """Whether somebody else would get, or be offered, this lead now. Changes nothing."""
        _, state = self.state_of_pool(match.pool)
        terms = Terms(without=without, offered=True)
        return decide_matched(lead.view, match, state, self.now, policy=self.policy, terms=terms).outcome is not Outcome.QUEUED

    def place(
        self,
        lead: Case,
        agent_id: UUID,
        pool: str,
        cause: Any,
        *,
        outcome: Outcome,
        rule: str | None = None,
        how: How | None = None,
        counts: bool = False,
        by: str | None = None,
        said: str | None = None,
    ) -> bool:
        """Gives a lead to this agent in this pool, whoever's turn it is; False where `hindrance` says why not.

        `by` is who says so, and `said` is why.
        """
        group, state = self.state_of_pool(pool)
        decision = place(lead.view, agent_id, pool, state, self.now, how=outcome, counts=counts, rule=rule)
        if decision is None:
            return False
        self._assign(lead, decision, group, state, cause, how=how or _HOW[outcome], by=by, said=said)
        return True

    def hindrance(self, lead: Case, agent_id: UUID, pool: str, *, forced: bool = False) -> str | None:
        """Why `place` would say no, to be read on from the agent's name."""
        _, state = self.state_of_pool(pool)
        return hindrance(lead.view, agent_id, pool, state, state.roll(self.now), forced=forced)

    def restore(self, lead: Case, agent_id: UUID, pool: str, cause: Any, *, rule: str | None = None) -> bool:
        """Gives a lead back to the agent who had it in this pool; False where that one is not there any more or may not receive."""
        if pool not in self.active.group_of_pool:
            return False
        return self.place(lead, agent_id, pool, cause, outcome=Outcome.RESTORED, rule=rule)

    def give_out(self, waiting: Iterable[Case], cause: Any, *, hopeless: set[str] | None = None) -> int:
        """Decides leads that wait, in this order, as long as somebody in their pools may receive. Returns how many wait no more.

        `hopeless` is what was asked (`Queued.asks`) by leads that nobody could be given: those who ask the same are passed over, and
        what is found to be hopeless is added. It holds as long as nobody is freed.
        """
        full: set[str] = set()
        hopeless = set() if hopeless is None else hopeless
        given = 0
        for lead in waiting:
            if lead.queued is None or lead.queued.pool in full or lead.queued.asks in hopeless:
                continue
            pool = lead.queued.pool
            if self.decide(lead, Match(lead.queued.rule, pool), cause) is not Outcome.QUEUED:
                given += 1
            else:
                hopeless.add(lead.queued.asks)  # which is known by now: deciding found it
                if not self.can_receive(pool):
                    full.add(pool)
        return given

    def can_receive(self, pool: str) -> bool:
        """Whether anybody in the pool, or in those it overflows to, may receive."""
        _, state = self.state_of_pool(pool)
        return any(state.pool(name).turns.eligible_count() > 0 for name in self.policy.ways(pool))

    def end(
        self,
        lead: Case,
        reason: str,
        cause: Any,
        *,
        outcome: str | None = None,
        by: str | None = None,
        why: str | None = None,
    ) -> Held | None:
        """Ends the lead's open assignment, which is returned; None where it has none. The lead's status is the caller's to set."""
        held = lead.held
        if held is None:
            return None
        pool = self.policy.pools.get(held.pool)
        gave_back = pool is not None and reason in pool.returns
        if found := self.state_of_agent(held.agent_id):
            self.append(found[0], _end_entry(lead, held, found, reason, gave_back=gave_back))
        promises.pause(self, lead, cause, over=reason if reason in OVER else None)
        if reason not in OVER:
            self.owners.lost(held.agent_id, lead.facts or {})
        lead.held = None
        ending = Ended(held, reason, self.now, gave_back, outcome, by, why)
        self.record.ended.append((lead, ending))
        self.tell(lead, ending, cause)
        return held

    # -- Recording

    def _terms(self, lead: Case, match: Match, *, offered: bool, how: How) -> Terms:
        # Whose time was up, or whom a person took the lead from, does not keep it by having had it.
        keeps = how is How.DECIDED and self.policy.stickiness(match.pool) is not None
        owners = self.owners.of(lead.facts or {}) if keeps else ()
        return Terms(lead.refused, owners, offered, lead.queued.queued_at if lead.queued else None)

    def _assign(
        self,
        lead: Case,
        decision: Decision,
        group: int,
        state: GroupState,
        cause: Any,
        *,
        how: How,
        by: str | None = None,
        said: str | None = None,
    ) -> None:
        assert decision.winner is not None
        assert decision.pool is not None
        made = self.made(decision, group, state.number, by=by, said=said)
        entry = decision.entry(state.number + 1)
        turn = state.apply(entry)
        winner = decision.winner
        held = Held(
            made.id,
            winner.agent_id,
            decision.pool,
            decision.rule,
            group,
            decision.now,
            winner.period,
            winner.hour,
            winner.work,
            turn,
        )
        self.record.entries.append((group, entry))
        self.record.assigned.append((lead, held))
        self.leave_queue(lead)
        lead.status, lead.held, lead.offered = "assigned", held, None
        promises.begin(self, lead, cause)
        if self._keeps:
            self.owners.gave(held.agent_id, lead.facts or {}, held.assigned_at)
        self.tell(lead, Assigned(decision, held, how, made.why), cause)

    def _offer(self, lead: Case, decision: Decision, group: int, number: int, cause: Any) -> None:
        assert decision.offer is not None
        assert decision.pool is not None
        self.made(decision, group, number)
        self.leave_queue(lead)
        lead.status = "offered"
        lead.offered = Offered(decision.offer, decision.pool, decision.home or decision.pool, decision.rule)
        promises.begin(self, lead, cause)
        self.tell(lead, OfferMade(decision, lead.offered), cause)

    def _wait(self, lead: Case, decision: Decision, group: int, number: int, cause: Any) -> None:
        assert decision.home is not None
        asks = asks_of(decision, self.policy, lead.grade)
        place = decision.home, decision.rule, decision.until
        if lead.queued and (lead.queued.pool, lead.queued.rule, lead.queued.until) == place:
            self._note_asks(lead, lead.queued, asks)
            return
        given = decision.outcome is not Outcome.QUEUED
        why = f"Others wait for pool {decision.home} already." if given else decision.reason
        self.made(decision, group, number, outcome=Outcome.QUEUED, why=why)
        since = lead.queued.queued_at if lead.queued else decision.now
        self.leave_queue(lead)
        lead.queued = Queued(
            lead.lead_id,
            decision.home,
            decision.rule,
            lead.points,
            since,
            rank_of(lead.points, since, self.policy.pools[decision.home].hold.ageing_points_per_hour),
            None if given else decision.until,
            asks,
        )
        self.record.queued[lead.lead_id] = lead.queued
        lead.status, lead.offered = "queued", None
        promises.begin(self, lead, cause)
        self.tell(lead, Waited(decision, why), cause)

    def _note_asks(self, lead: Case, place: Queued, asks: str) -> None:
        if place.asks != asks:
            lead.queued = place._replace(asks=asks)
            self.record.ranked.append(lead.queued)
            self.change(lead)


def _end_entry(lead: Case, held: Held, found: tuple[int, GroupState], reason: str, *, gave_back: bool) -> Entry:
    group, state = found
    # A group that opened since the turn was taken has requirement classes of its own: there it was everyone's turn.
    turn = held.turn if held.turn is None or held.group == group else EVERYONE
    return ended(
        state.number + 1,
        state.last_now,
        agent_id=held.agent_id,
        lead_id=lead.lead_id,
        pool=held.pool,
        reason=reason,
        gives_back=gave_back,
        period=held.period,
        hour=held.hour,
        work=held.work,
        turn=turn,
    )
