"""Who covers a place: the index answers as a look at each agent does."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import h3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain import Place, Territories, covers, place_of
from services.router.domain.territory import read_territory

ANN, BEN, CYD, DEE = (UUID(int=number) for number in range(1, 5))
BERLIN = h3.latlng_to_cell(52.52, 13.405, 9)
MUNICH = h3.latlng_to_cell(48.137, 11.575, 9)

codes = st.integers(0, 99_999).map(lambda number: f"{number:05}")
countries = st.sampled_from(["DE", "US", "GB"])
ranges = st.tuples(countries, codes, codes).map(lambda drawn: f"{drawn[0]}:{min(drawn[1:])}-{max(drawn[1:])}")
territories = st.one_of(
    countries,
    st.sampled_from(["US-CA", "DE-BY", "US-NY"]),
    st.tuples(countries, codes).map(":".join),
    ranges,
    ranges,
    st.tuples(countries, codes, st.integers(1, 5)).map(lambda drawn: f"{drawn[0]}:{drawn[1][: drawn[2]]}*"),
    st.tuples(st.sampled_from([BERLIN, MUNICH]), st.integers(0, 9)).map(lambda drawn: h3.cell_to_parent(*drawn)),
)
places = st.builds(
    Place,
    st.none() | countries,
    st.none() | st.sampled_from(["US-CA", "DE-BY", "DE-BE"]),
    st.none() | codes | codes.map(lambda code: f"{code[:3]} {code[3:]}-1234"),
    st.none() | st.sampled_from([BERLIN, MUNICH, h3.cell_to_parent(BERLIN, 4)]),
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.lists(territories, max_size=8), min_size=1, max_size=8), st.lists(places, min_size=1, max_size=10))
def test_the_index_names_exactly_those_whose_territories_hold_the_place(agents: list[list[str]], wanted: list[Place]) -> None:
    by_id = {UUID(int=number): [read_territory(one) for one in listed] for number, listed in enumerate(agents, 1)}
    index = Territories(by_id)
    for place in wanted:
        assert index.covering(place) == {one for one, listed in by_id.items() if covers(listed, place)}
        assert index.covering(place) is index.covering(place)


@pytest.mark.parametrize(
    ("territory", "inside", "outside"),
    [
        ("DE", Place("DE"), Place("AT")),
        ("US-CA", Place("US", "US-CA"), Place("US", "US-NV")),
        ("DE:10115", Place("DE", postcode="10115"), Place("AT", postcode="10115")),
        ("US:94000-94199", Place("US", postcode="94199-1234"), Place("US", postcode="94200")),
        ("US:94000-94199", Place("US", postcode="94000"), Place("US", postcode="9400")),
        ("GB:SW1*", Place("GB", postcode="sw1a 1aa"), Place("GB", postcode="SW2 1AA")),
        (h3.cell_to_parent(BERLIN, 5), Place(cell=BERLIN), Place(cell=MUNICH)),
        (BERLIN, Place(cell=BERLIN), Place(cell=h3.cell_to_parent(BERLIN, 8))),
    ],
)
def test_each_kind_of_territory(territory: str, inside: Place, outside: Place) -> None:
    index = Territories({ANN: [territory], BEN: []})
    for place, found in ((inside, {ANN}), (outside, set()), (Place(), set())):
        assert index.covering(place) == found
        assert covers([territory], place) == bool(found)


def test_ranges_that_overlap_or_touch_are_each_whole() -> None:
    index = Territories(
        {ANN: ["DE:10000-19999"], BEN: ["DE:15000-15999", "DE:15500-15500"], CYD: ["DE:19999-20000"], DEE: ["DE"]}
    )
    for code, found in [
        ("10000", {ANN, DEE}),
        ("15500", {ANN, BEN, DEE}),
        ("15999", {ANN, BEN, DEE}),
        ("16000", {ANN, DEE}),
        ("19999", {ANN, CYD, DEE}),
        ("20000", {CYD, DEE}),
        ("20001", {DEE}),
    ]:
        assert index.covering(Place("DE", postcode=code)) == found, code


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (" de ", "DE"),
        ("us-ca", "US-CA"),
        ("gb:sw1*", "GB:SW1*"),
        (BERLIN.upper(), BERLIN),
        ("US:94000-94199", "US:94000-94199"),
    ],
)
def test_a_territory_is_read_as_people_write_it(text: str, read: str) -> None:
    assert read_territory(text) == read


@pytest.mark.parametrize(
    "text",
    ["", "Germany", "D", "DE:", "DE:*", "US:94199-94000", "US:1-22", "US:94000-94199*", "DE:101;15", "8" * 15, "DE:" + "1" * 40],
)
def test_what_is_no_territory(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|names no|either"):
        read_territory(text)


def test_a_leads_place_is_read_from_its_facts_as_far_as_they_can_be() -> None:
    facts: dict[str, Any] = {"country": "DE", "region": "DE-BE", "postcode": "10115", "h3": BERLIN, "city": "Berlin"}
    assert place_of(facts) == Place("DE", "DE-BE", "10115", BERLIN)
    assert place_of({"country": 7, "postcode": "", "h3": "no cell"}) == Place()


def test_finding_who_covers_a_place_does_not_look_at_those_who_do_not() -> None:
    """A look-up touches what covers the place, whoever else there is: counted by the sets it reads."""
    few, many = ({UUID(int=n): [f"US:{n:05}", f"US:{n:05}-{n:05}"] for n in range(size)} for size in (10, 5_000))
    place = Place("US", postcode="00007")
    reads = [len(list(Territories(agents)._parts(place))) for agents in (few, many)]
    assert reads == [1, 1]
    assert Territories(many).covering(place) == {UUID(int=7)}
