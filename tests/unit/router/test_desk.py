"""The desk, played with random policies and all that can happen to a lead: what holds after each step, whatever came before."""

from __future__ import annotations

from hypothesis import given, settings

from services.router.domain import Agent
from tests.unit.router.desks import DeskPlay, plays, steps
from tests.unit.router.worlds import deterministic


@settings(deterministic, max_examples=60)
@given(play=plays(), played=steps)
def test_what_holds_of_leads_holds_after_each_step(play: DeskPlay, played: list[tuple[str, int, Agent]]) -> None:
    for step in played:
        play.step(*step)
    play.judge_ledgers()


@settings(deterministic, max_examples=10)
@given(play=plays(), played=steps)
def test_the_same_input_gives_the_same_record(play: DeskPlay, played: list[tuple[str, int, Agent]]) -> None:
    twin = DeskPlay(play.policy, play.drawn, play.now)
    for one in (play, twin):
        for step in played:
            one.step(*step)
    assert play.log == twin.log
