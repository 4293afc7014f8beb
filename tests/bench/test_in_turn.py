"""Runs in turn: what a side is, and what is said of the rounds."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from tests.bench.children import ROOT
from tests.bench.in_turn import Run, Side, line, side, summary


def run(rate: float, us: float) -> Run:
    return Run(rate=rate, p50_ms=9.0, coming_us=us, intake_us=us / 2, rested_us=2 * us, log_bytes=6144.0, stolen=0.0)


def test_a_side_is_a_name_a_checkout_and_who_is_known() -> None:
    assert side(f"now={ROOT}") == Side("now", ROOT, 0)
    assert side(f"full={ROOT}:1000000") == Side("full", ROOT, 1_000_000)
    assert side(f"full={ROOT}:1000000:new") == Side("full", ROOT, 1_000_000, strangers=True)


@pytest.mark.parametrize("behind", [":", ":many", ":10:old", ":10:new:new"])
def test_what_else_stands_behind_a_checkout_is_refused(behind: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="behind the checkout comes :CONTACTS"):
        side(f"now={ROOT}{behind}")


def test_a_folder_that_is_no_checkout_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"no checkout of Handoff at {tmp_path}"):
        side(f"old={tmp_path}")


def test_each_side_is_compared_with_the_first_in_the_same_round() -> None:
    sides = [Side("before", ROOT), Side("now", ROOT)]
    runs = {"before": [run(1000, 100), run(2000, 50), run(1000, 100)], "now": [run(900, 110), run(1600, 60), run(1100, 100)]}
    assert summary(sides, runs).splitlines()[-1] == "| now | 0.90 (0.80 to 1.10) | 1.10 (1.00 to 1.20) | 1.10 (1.00 to 1.20) |"


def test_a_run_is_a_line_of_the_table() -> None:
    assert line(3, Side("now", ROOT), run(1234.5, 100)) == "| 3 | now | 1,234 | 9 ms | 100 µs | 50 µs | 200 µs | 6.0 | 0.00 |"
