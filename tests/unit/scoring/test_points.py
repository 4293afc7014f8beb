"""Points are kept as whole hundredths; what has more than two decimals is no number of points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.scorecard import hundredths, shown, whole


@pytest.mark.parametrize(
    ("points", "expected"),
    [(12, 1_200), (12.5, 1_250), (-3.25, -325), (0.29, 29), (1.1, 110), (1e3, 100_000), (0.0, 0), (2**60, 2**60 * 100)],
)
def test_points_are_hundredths(points: float, expected: int) -> None:
    assert hundredths(points) == expected


@pytest.mark.parametrize("points", [0.001, 1.005, 1e-9, float("nan"), float("inf"), "12", None, True])
def test_what_is_no_number_of_points_is_none(points: object) -> None:
    assert hundredths(points) is None


@given(st.integers(-(10**9), 10**9))
def test_what_is_shown_reads_back_as_the_same(points: int) -> None:
    assert hundredths(float(shown(points))) == points


@pytest.mark.parametrize(
    ("points", "text"), [(1_200, "12"), (1_250, "12.5"), (-325, "-3.25"), (-5, "-0.05"), (0, "0"), (100, "1")]
)
def test_points_are_shown_as_a_person_writes_them(points: int, text: str) -> None:
    assert shown(points) == text


@pytest.mark.parametrize(("points", "expected"), [(149, 1), (150, 2), (250, 2), (251, 3), (-150, -2), (-250, -2)])
def test_whole_points_are_rounded_half_to_even(points: int, expected: int) -> None:
    assert whole(points) == expected
