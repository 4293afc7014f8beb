"""What waiting leads ask of who receives them: those who ask the same fare the same, so a drain may look at one of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.router.domain import Agent, GroupState, Settings, from_document, with_members
from services.router.domain.agent import Caps
from services.router.domain.desk import Desk, route, with_groups
from services.router.domain.lead import Case
from shared.contracts.vocabulary import FACTS
from tests.unit.router.worlds import STARTS, deterministic

NOW = STARTS[-1]
ANN, BEN, CAT = (UUID(int=n) for n in (1, 2, 3))
LANGUAGES = ("de", "fr", "it")
DOCUMENT = {
    "pools": {
        "p": {"members": [{"agent": str(ANN)}, {"agent": str(BEN)}], "overflow": ["q"], "requires": "'pro' in agent.skills"},
        "q": {"members": [{"agent": str(CAT)}], "requires": "lead.country in agent.tags"},
    },
    "rules": [
        {"name": "spoken", "when": "product == 'spoken'", "pool": "p", "requires": "lead.language in agent.languages"},
        {"name": "plain", "when": "product == 'plain'", "pool": "p"},
    ],
    "default": "q",
    "routed": ["sql", "mql"],
}

languages = st.sets(st.sampled_from(LANGUAGES)).map(lambda found: tuple(sorted(found)))
agents = st.builds(
    lambda spoken, skilled, tags, room, weights: Agent(
        Settings(
            languages=spoken,
            skills=("pro",) if skilled else (),
            tags=tags,
            caps=Caps(open=room),
            open_weights={"sql": 3} if weights else {},
        )
    ),
    languages,
    st.booleans(),
    st.sets(st.sampled_from(["US", "DE"])).map(tuple),
    st.none() | st.integers(0, 3),
    st.booleans(),
)
waiting = st.fixed_dictionaries(
    {
        "facts": st.fixed_dictionaries(
            {"product": st.sampled_from(["spoken", "plain", "other"])},
            optional={
                "language": st.sampled_from(LANGUAGES),
                "country": st.sampled_from(["US", "DE"]),
                "budget": st.integers(0, 2),
            },
        ),
        "grade": st.sampled_from(["A", "B"]),
        "qualification": st.sampled_from(["sql", "mql"]),
        "refused": st.sampled_from([(), (ANN,), (ANN, BEN)]),
        "points": st.integers(0, 2),
    }
)


def a_desk(people: list[Agent]) -> Desk:
    policy = from_document(1, DOCUMENT, facts=FACTS)
    policy = (
        with_members(policy, {"p": [[str(ANN), 1], [str(BEN), 1]], "q": [[str(CAT), 1]]})
        if not policy.pools["p"].members
        else policy
    )
    state = GroupState(policy.pools.values(), dict(zip((ANN, BEN, CAT), people, strict=True)), now=NOW, carried={})
    ids = iter(UUID(int=n) for n in range(10**6, 10**7))
    return Desk(with_groups(policy, {1: frozenset(policy.pools)}), {1: state}, NOW, lambda: next(ids))


@deterministic
@given(people=st.lists(agents, min_size=3, max_size=3), drawn=st.lists(waiting, min_size=2, max_size=12))
def test_who_asks_the_same_fares_the_same(people: list[Agent], drawn: list[dict[str, Any]]) -> None:
    """They wait while nobody is active; each is then decided alone, in the same state: given to somebody, or not."""
    shut = a_desk([Agent(Settings(active=False))] * 3)
    fates: dict[str, set[bool]] = {}
    for number, values in enumerate(drawn):
        lead = Case(UUID(int=100 + number), **values)
        route(shut, lead, shut.match(lead), None)
        assert lead.queued
        desk = a_desk(people)
        given_out = desk.give_out([lead], None)
        asked = shut.record.queued[lead.lead_id].asks
        fates.setdefault(asked, set()).add(given_out == 1)
    assert all(len(found) == 1 for found in fates.values())


@deterministic
@given(people=st.lists(agents, min_size=3, max_size=3), drawn=st.lists(waiting, min_size=2, max_size=12))
def test_passing_over_what_is_hopeless_changes_who_gets_nothing(people: list[Agent], drawn: list[dict[str, Any]]) -> None:
    """One drain that passes over them gives the same leads to the same agents as one that looks at each."""
    outcomes = []
    for look_at_each in (False, True):
        shut = a_desk([Agent(Settings(active=False))] * 3)
        queue = [Case(UUID(int=100 + number), **values) for number, values in enumerate(drawn)]
        for lead in queue:
            route(shut, lead, shut.match(lead), None)
        desk = a_desk(people)
        if look_at_each:
            for lead in queue:
                desk.give_out([lead], None)
        else:
            desk.give_out(queue, None)
        outcomes.append([lead.held.agent_id if lead.held else None for lead in queue])
    assert outcomes[0] == outcomes[1]
