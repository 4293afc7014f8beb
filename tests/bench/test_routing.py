"""What the router's figures are taken of is sound: a policy and agents that could be made, and leads that are given out."""

from __future__ import annotations

from collections import Counter

import pytest

from services.router.domain import Draft, Gate, GroupState, Settings, change_settings, enrol, lint, read_draft
from services.router.domain.meeting import profile
from shared.contracts.vocabulary import FACTS
from tests.bench import committing, routing, teams
from tests.bench.report import Results
from tests.bench.teams import NOON, PRODUCTS

AGENTS, RULES = 60, 50


@pytest.fixture(scope="module")
def desk() -> routing.Desk:
    office = teams.open_office(AGENTS)
    return routing.Desk(teams.policy_of(RULES, office.members), GroupState.restore(office.snapshot))


def test_the_policy_could_be_activated() -> None:
    draft: Draft = read_draft(teams.policy_document(RULES), FACTS)
    profiles = [profile(id, one.settings) for id, one in teams.agents(AGENTS).items()]
    found = [*draft.problems, *enrol(draft.policy, profiles)[1], *lint(draft, profiles)]
    assert [one for one in found if one.severity == "error"] == []


def test_the_agents_are_what_somebody_could_send() -> None:
    for n in range(AGENTS):
        document = teams.agent_document(n)
        assert change_settings(Settings(), document) == Settings.from_document(document)


def test_some_agents_may_not_receive_and_nearly_all_leads_find_somebody(desk: routing.Desk) -> None:
    stopped = desk.state.pool("everybody").stopped
    assert stopped[Gate.OFF_HOURS] > AGENTS // 10
    assert stopped[Gate.PAUSED] >= 1
    leads = [teams.lead(n) for n in range(1_000)]
    assert len(list(routing.timed(desk, leads))) == len(leads)
    assert desk.outcomes["assigned"] > 0.9 * len(leads)
    assert desk.now > NOON
    held = sum(desk.state.agent(id).open for id in desk.state.pool("everybody").turns.members)
    assert held == routing.HELD


def test_the_leads_are_mixed(desk: routing.Desk) -> None:
    leads = [teams.lead(n) for n in range(2_000)]
    matched = Counter(desk.policy.match({**lead.facts, "points": lead.points}).rule for lead in leads)
    assert len(matched) > 0.8 * RULES
    assert matched[None] < len(leads) * 2 / 3
    assert {lead.facts["product"] for lead in leads} == set(PRODUCTS)


def test_figures_are_taken_and_shown() -> None:
    leads = [teams.lead(n) for n in range(300)]
    found = routing._measured(teams.open_office(AGENTS), RULES, leads)
    assert found["p50_us"] <= found["p99_us"]
    assert found["times_the_floor"] > 1
    results = Results(
        decisions={"1,000 × 100": found}, commits={"1": {"leads_per_second": 3_100}, "4": {"leads_per_second": 3_000}}
    )
    rows = {row.measure: row for row in results.rows()}
    assert rows["routing: 1,000 × 100 (agents × rules)"].target == "≥ 20000"
    assert rows["routing: committed by one replica"].passed is True
    assert rows["routing: committed by 4 replicas, of one"].passed is False
    assert routing.table({"60 × 50": found}).count("\n") == 2


async def test_a_shelf_gives_each_record_once_and_again_after_a_rewind() -> None:
    shelf = committing.Shelf([f"record {n}" for n in range(5)])  # type: ignore[misc]
    first = await shelf.read(3)
    shelf.rewind(first)
    assert await shelf.lag() == 5
    assert [*await shelf.read(3), *await shelf.read(3)] == [f"record {n}" for n in range(5)]
