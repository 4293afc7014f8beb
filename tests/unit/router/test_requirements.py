"""Requirements and overflow in the decision: who meets what is asked for a lead, and where it goes when nobody may receive."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import (
    Agent,
    Decision,
    GroupState,
    Outcome,
    Policy,
    agent_changed,
    decide,
    ended,
    enrol,
    from_document,
    groups_of,
)
from services.router.domain.meeting import profile
from services.router.domain.policy import Requirement, Requirements
from tests.unit.router.documents import FACTS
from tests.unit.router.worlds import ALead, an_agent, deterministic

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANN, BEN, CYD, DAN = (UUID(int=number) for number in (1, 2, 3, 4))
AGENTS = {
    ANN: an_agent(name="Ann", languages=("de", "en"), territories=("DE", "AT")),
    BEN: an_agent(name="Ben", languages=("en",), territories=("US-CA", "GB:SW1*")),
    CYD: an_agent(name="Cyd", languages=("de",), territories=("DE:10115",)),
    DAN: an_agent(name="Dan"),
}


def a_policy(**changes: Any) -> Policy:
    """A pool north of Ann, Ben and Cyd, and a pool spare of Dan."""
    north = {"members": [{"agent": "Ann"}, {"agent": "Ben"}, {"agent": "Cyd"}], **changes.pop("north", {})}
    pools = {"north": north, "spare": {"members": [{"agent": "Dan"}], **changes.pop("spare", {})}}
    rules = changes.pop("rules", [{"name": "spoken", "pool": "north", "requires": "lead.language in agent.languages"}])
    policy = from_document(1, {"pools": pools, "rules": rules, "default": "spare", **changes}, facts=FACTS)
    found, problems = enrol(policy, [profile(one, agent.settings) for one, agent in AGENTS.items()])
    assert problems == []
    return found


def a_state(policy: Policy, **agents: Agent) -> GroupState:
    known = AGENTS | {{"ann": ANN, "ben": BEN, "cyd": CYD, "dan": DAN}[name]: agent for name, agent in agents.items()}
    pools = policy.pools.values()
    return GroupState(pools, known, now=NOW, carried={})


def give(state: GroupState, policy: Policy, **facts: Any) -> Decision:
    decision = decide(ALead(UUID(int=1_000 + state.number), facts, qualification="sales_qualified"), policy, state, NOW)
    if decision.winner:
        state.apply(decision.entry(state.number + 1))
        assert decision.pool
        assert state.counters()[decision.pool][decision.winner.agent_id] == decision.winner.after
    return decision


def test_only_those_who_meet_what_is_asked_receive_in_turn() -> None:
    policy = a_policy()
    state = a_state(policy)
    assert Counter(give(state, policy, language="de").agent_id for _ in range(4)) == {ANN: 2, CYD: 2}
    decision = give(state, policy, language="de")
    assert (decision.eligible, decision.stopped) == (2, {"requirement": 1})
    assert "2 of 3 members can receive (1 more do not meet what is asked)" in decision.reason


def test_a_lead_for_whom_nobody_is_right_waits_and_says_why() -> None:
    policy = a_policy()
    decision = give(a_state(policy), policy, language="fr")
    assert (decision.outcome, decision.eligible, decision.stopped) == (Outcome.QUEUED, 0, {"requirement": 3})
    assert decision.reason.endswith("of its members 3 not meeting what is asked.")


def test_what_the_pool_asks_counts_with_what_the_rule_asks() -> None:
    policy = a_policy(north={"requires": "agent.covers_lead"})
    state = a_state(policy)
    assert give(state, policy, language="de", country="DE").agent_id == ANN
    assert {give(state, policy, language="de", country="DE", postcode="10115").agent_id for _ in range(2)} == {ANN, CYD}
    assert give(state, policy, language="en", country="DE").agent_id == ANN
    assert give(state, policy, language="en", country="GB", postcode="SW1A 1AA").agent_id == BEN
    assert give(state, policy, language="en").outcome is Outcome.QUEUED


def test_an_agent_who_learns_a_language_is_asked_from_then_on() -> None:
    policy = a_policy()
    state = a_state(policy)
    assert give(state, policy, language="fr").agent_id is None
    settings = an_agent(name="Ben", languages=("en", "fr")).settings
    state.apply(agent_changed(state.number + 1, NOW, agent_id=BEN, settings=settings, calendars={}))
    assert give(state, policy, language="fr").agent_id == BEN


def test_definitions_may_be_asked_of_the_lead() -> None:
    rules = [{"name": "large", "pool": "north", "requires": "!lead.large || agent.name == 'Cyd'"}]
    policy = a_policy(define={"large": "company_size >= 500"}, rules=rules)
    state = a_state(policy)
    assert {give(state, policy, company_size=900).agent_id for _ in range(3)} == {CYD}
    assert len({give(state, policy, company_size=9).agent_id for _ in range(3)}) > 1


def test_pools_overflow_in_order_and_the_decision_names_the_way() -> None:
    policy = a_policy(north={"overflow": ["spare"]}, spare={"requires": "agent.name == 'Dan'"})
    assert groups_of(policy) == ({"north", "spare"},)
    full = {name: an_agent(open_cap=0) for name in ("ben", "cyd")}
    state = a_state(policy, ann=an_agent(name="Ann", languages=("de",), open_cap=1), **full)
    assert give(state, policy, language="de").pool == "north"
    waits = give(state, policy, language="de")
    assert (waits.outcome, waits.pool, waits.via) == (Outcome.QUEUED, "north", None), "Dan does not speak German"
    anything = a_policy(north={"overflow": ["spare"]}, rules=[{"name": "all", "pool": "north"}])
    over = give(state, anything)
    assert (over.agent_id, over.pool, over.via, over.home) == (DAN, "spare", "north", "north")
    assert over.reason.startswith("Next in turn by weight: rule all chose pool north, which overflows to pool spare, 1 of 1")


def test_an_end_that_returns_gives_count_and_turn_of_its_class_back() -> None:
    policy = a_policy()
    state = a_state(policy, ann=an_agent(name="Ann", languages=("de", "en"), day=1))
    before = state.counters()
    decision = decide(ALead(UUID(int=7), {"language": "de"}, qualification="sales_qualified"), policy, state, NOW)
    turn = state.apply(decision.entry(1))
    assert (decision.agent_id, turn) == (ANN, 1)
    assert state.pool("north").turns.eligible == (BEN, CYD)
    back = {"lead_id": UUID(int=7), "pool": "north", "reason": "declined", "gives_back": True, "period": "2026-06-01", "hour": 14}
    state.apply(ended(2, NOW, agent_id=ANN, turn=turn, **back))
    assert state.counters() == before
    assert state.pool("north").turns.eligible == (ANN, BEN, CYD)
    assert GroupState.restore(json.loads(json.dumps(state.snapshot()))).snapshot() == state.snapshot()
    assert give(state, policy, language="de").agent_id == ANN


def test_an_end_that_does_not_return_keeps_the_turn() -> None:
    policy = a_policy()
    state = a_state(policy)
    assert give(state, policy, language="de").agent_id == ANN
    kept = {"lead_id": UUID(int=7), "pool": "north", "reason": "won", "gives_back": False, "period": "2026-06-01"}
    state.apply(ended(2, NOW, agent_id=ANN, turn=1, **kept))
    assert state.counters()["north"][ANN].received == 1


def test_a_turn_of_an_older_group_that_nothing_is_known_of_is_passed_over() -> None:
    state = a_state(a_policy(), ann=an_agent(name="Ann", open=1))
    back = {"lead_id": UUID(int=7), "pool": "north", "reason": "declined", "gives_back": True, "period": "2026-06-01"}
    state.apply(ended(1, NOW, agent_id=ANN, turn=0, **back))
    assert (state.agent(ANN).open, state.counters()["north"][ANN].received) == (0, 0)


languages = st.sampled_from(["de", "en", "fr", "xx"])


@deterministic
@given(st.lists(languages, max_size=30), st.integers(0, 30))
def test_turns_of_classes_replay_and_decisions_are_made_again(spoken: list[str], cut: int) -> None:
    policy = a_policy(north={"overflow": ["spare"]})
    state = a_state(policy)
    opening, ledger, made = state.snapshot(), [], []
    for number, language in enumerate(spoken):
        lead = ALead(UUID(int=number + 1), {"language": language}, qualification="sales_qualified")
        decision = decide(lead, policy, state, NOW)
        made.append((lead, state.number, decision))
        assert decide(lead, policy, state, NOW) == decision
        if decision.winner:
            ledger.append(decision.entry(state.number + 1))
            state.apply(ledger[-1])
    again = GroupState.restore(opening)
    for lead, number, decision in made:
        while again.number < number:
            again.apply(ledger[again.number])
        if again.number == cut:
            again = GroupState.restore(json.loads(json.dumps(again.snapshot())))
        assert decide(lead, policy, again, NOW) == decision
    for entry in ledger[again.number :]:
        again.apply(entry)
    assert again.snapshot() == state.snapshot()


texts = ["lead.language in agent.languages", "agent.covers_lead", "agent.kind == 'agent' && lead.company_size > 5"]
leads = st.fixed_dictionaries(
    {},
    optional={
        "language": languages,
        "country": st.sampled_from(["DE", "GB", "US"]),
        "postcode": st.sampled_from(["10115", "SW1A 1AA"]),
        "region": st.just("US-CA"),
        "company_size": st.integers(4, 7),
    },
)


@deterministic
@given(st.lists(st.tuples(st.sampled_from(texts), st.sampled_from(texts), leads), max_size=25))
def test_what_is_remembered_of_who_meets_what_is_what_a_fresh_look_finds(asked: list[tuple[str, str, dict[str, Any]]]) -> None:
    policy = a_policy()
    state = a_state(policy)
    for one, other, lead in asked:
        requirements = Requirements([requirement(one), requirement(other)])
        fresh = a_state(policy).among("north", requirements, lead)
        assert state.among("north", requirements, lead) == fresh
        found = {one.id for one in profiles() if all(r.met(one, lead, covers=covered(one.id, lead)) for r in requirements)}
        assert fresh == found


def requirement(text: str) -> Requirement:
    rule = a_policy(rules=[{"name": "one", "pool": "north", "requires": text}]).rules[0]
    assert rule.requires
    return rule.requires


def profiles() -> list[Any]:
    return [profile(one, AGENTS[one].settings) for one in (ANN, BEN, CYD)]


def covered(agent_id: UUID, lead: dict[str, Any]) -> bool:
    from services.router.domain import covers, place_of

    return covers(AGENTS[agent_id].settings.territories, place_of(lead))
