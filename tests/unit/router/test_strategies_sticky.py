"""Sticky: who keeps a lead, who is waited for and for how long, and why nobody is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain.strategies import Key, Owner, OwnerState, Stickiness, Stuck, Verdict, keys_of, stick

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
ANN, BEN = UUID(int=1), UUID(int=2)
ALL = Stickiness(by=("contact", "company", "account"), days=180)


def owner(
    agent_id: UUID = ANN, key: Key = Key.CONTACT, days: int = 1, state: OwnerState = OwnerState.FREE, **more: object
) -> Owner:
    return Owner(agent_id, key, NOW - timedelta(days=days), state, **more)  # type: ignore[arg-type]


def judge(policy: Stickiness, *owners: Owner, waited: int = 0) -> Stuck:
    return stick(policy, owners, came_at=NOW - timedelta(minutes=waited), now=NOW)


def test_keys_are_read_from_facts() -> None:
    facts = {"contact_id": "c-1", "account_id": " a-1 ", "company_domain": "Example.COM."}
    assert keys_of(facts) == {Key.CONTACT: "c-1", Key.ACCOUNT: "a-1", Key.COMPANY: "example.com"}
    assert keys_of({"contact_id": None, "company_domain": 7}) == {}


@pytest.mark.parametrize("domain", ["gmail.com", "GMX.de", "yahoo.co.uk", "outlook.com."])
def test_the_domain_of_a_mail_provider_is_no_company(domain: str) -> None:
    assert Key.COMPANY not in keys_of({"company_domain": domain})


def test_which_providers_there_are_can_be_said() -> None:
    assert keys_of({"company_domain": "mail.example.com"}, free_mail={"mail.example.com"}) == {}


def test_a_free_owner_keeps_the_lead() -> None:
    assert judge(ALL, owner()) == Stuck(Verdict.OWNER, "the owner of this contact keeps it", ANN)


def test_nobody_known_is_nobody() -> None:
    found = judge(ALL)
    assert (found.verdict, found.reason) == (Verdict.NONE, "nobody had this contact or company or account in the last 180 days")


def test_the_surest_key_counts_and_of_one_key_the_latest() -> None:
    assert judge(ALL, owner(BEN, Key.COMPANY), owner(ANN, Key.CONTACT, days=90)).agent_id == ANN
    assert judge(ALL, owner(BEN, Key.COMPANY), owner(ANN, Key.ACCOUNT, days=90)).agent_id == ANN
    assert judge(ALL, owner(ANN, days=9), owner(BEN, days=2)).agent_id == BEN


def test_keys_that_the_policy_does_not_name_and_owners_of_long_ago_do_not_count() -> None:
    assert judge(Stickiness(by=("contact",)), owner(key=Key.COMPANY)).verdict is Verdict.NONE
    assert judge(ALL, owner(days=180)).verdict is Verdict.OWNER
    assert judge(ALL, owner(days=181)).verdict is Verdict.NONE


@pytest.mark.parametrize("state", [OwnerState.ABSENT, OwnerState.DEPARTED])
def test_an_owner_who_cannot_receive_makes_way_where_the_pool_reassigns(state: OwnerState) -> None:
    found = judge(ALL, owner(state=state))
    assert (found.verdict, found.agent_id) == (Verdict.NONE, None)
    assert found.reason == f"the owner of this contact is {state}, and the pool reassigns"
    assert judge(ALL, owner(state=state), owner(BEN, Key.COMPANY)).agent_id == BEN


def test_a_lead_waits_for_an_absent_owner_until_it_is_back_or_the_hold_is_over() -> None:
    waits = Stickiness(by=("contact",), absent="wait", hold_minutes=60)
    back, later = NOW + timedelta(minutes=20), NOW + timedelta(hours=3)
    absent = OwnerState.ABSENT
    assert judge(waits, owner(state=absent, until=back)).until == back
    assert judge(waits, owner(state=absent, until=later)).until == NOW + timedelta(minutes=60)
    assert judge(waits, owner(state=absent)).until == NOW + timedelta(minutes=60)
    assert judge(waits, owner(state=absent), waited=59).verdict is Verdict.WAIT
    over = judge(waits, owner(state=absent), waited=60)
    assert (over.verdict, over.reason) == (
        Verdict.NONE,
        "the owner of this contact is absent, and the lead has waited 60 minutes",
    )


def test_without_a_bound_a_lead_waits_for_as_long_as_it_takes() -> None:
    found = judge(Stickiness(by=("contact",), departed="wait"), owner(state=OwnerState.DEPARTED), waited=100_000)
    assert (found.verdict, found.agent_id, found.until) == (Verdict.WAIT, ANN, None)


owners = st.builds(
    Owner,
    st.sampled_from([ANN, BEN]),
    st.sampled_from(Key),
    st.integers(0, 300).map(lambda days: NOW - timedelta(days=days)),
    st.sampled_from(OwnerState),
)
policies = st.builds(
    Stickiness,
    by=st.lists(st.sampled_from(["contact", "company", "account"]), min_size=1, unique=True).map(tuple),
    days=st.integers(0, 300),
    absent=st.sampled_from(["wait", "reassign"]),
    departed=st.sampled_from(["wait", "reassign"]),
    hold_minutes=st.none() | st.integers(0, 100),
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(policies, st.lists(owners, max_size=6), st.integers(0, 200), st.randoms(use_true_random=False))
def test_only_a_free_owner_gets_it_in_whatever_order_they_come(
    policy: Stickiness, listed: list[Owner], waited: int, shuffler: object
) -> None:
    found = judge(policy, *listed, waited=waited)
    if found.verdict is Verdict.OWNER:
        assert any(one.agent_id == found.agent_id and one.state is OwnerState.FREE for one in listed)
    shuffler.shuffle(listed)  # type: ignore[attr-defined]
    assert judge(policy, *listed, waited=waited) == found
    assert found.reason
