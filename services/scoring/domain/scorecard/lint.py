"""What is wrong with a scorecard, found before it can be active. Errors keep it from that; warnings say what may not be meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from services.scoring.domain.points import shown
from services.scoring.domain.scorecard.card import Behaviour, FitRule, Group, Letter, Number, Scorecard
from services.scoring.domain.scorecard.document import Reader
from services.scoring.domain.shape import pointer
from shared.rules import Problem, Rule, Vocabulary, contradiction, implies

# A lead that all of it speaks of must still fit into one event, with its facts: 256 KiB.
MAX_BYTES = 96 * 1024


def lint(document: object, vocabulary: Vocabulary) -> list[Problem]:
    """All problems of a card's document, each with its place; it may be activated when none of them is an error.

    `vocabulary` are the facts that every lead may have.
    """
    reader = Reader(vocabulary)
    card = reader.read(document)
    errors = [*reader.shape.problems, *_never(reader.conditions), *_too_long(card)]
    return errors or _warnings(card)  # of a card that is read in part, warnings would mislead


def _warnings(card: Scorecard) -> list[Problem]:
    return [
        *_unused("/fit/groups", card.fit_groups, card.fit),
        *_unused("/engagement/groups", card.engagement_groups, card.behaviours),
        *_more_than_group(card.fit, card.fit_groups),
        *_more_than_group(card.behaviours, card.engagement_groups),
        *_alike(card.fit, lambda one, other: True),
        *_alike(card.behaviours, lambda one, other: not set(one.on).isdisjoint(other.on)),
        *_beyond_reach(card),
    ]


def _never(conditions: Mapping[str, Rule]) -> Iterator[Problem]:
    for path, rule in conditions.items():
        if why := contradiction(rule):
            yield Problem(path, f"can never be true: {why}", line=1, column=1)


def _too_long(card: Scorecard) -> Iterator[Problem]:
    rules: tuple[FitRule | Behaviour, ...] = (*card.fit, *card.behaviours)
    texts = [text for rule in rules for text in (rule.name, rule.reason)]
    if sum(len(text.encode(errors="replace")) for text in texts) > MAX_BYTES:
        yield Problem("", f"has names and reasons of more than {MAX_BYTES} bytes together, too much for one event")


def _unused(path: str, groups: Mapping[str, Group], rules: Iterable[FitRule | Behaviour]) -> Iterator[Problem]:
    used = {rule.group for rule in rules}
    for name in groups:
        if name not in used:
            yield Problem(f"{path}/{pointer(name)}", "is a group that no rule is in", "warning")


def _more_than_group(rules: Iterable[FitRule | Behaviour], groups: Mapping[str, Group]) -> Iterator[Problem]:
    for rule in rules:
        group = groups.get(rule.group or "")
        if group is not None and group.bounded(rule.points) != rule.points:
            bound = shown(group.bounded(rule.points))
            yield Problem(f"{rule.path}/points", f"are more than the group {group.name} lets through, {bound}", "warning")


def _alike(rules: Sequence[FitRule | Behaviour], meet: Callable[..., bool]) -> Iterator[Problem]:
    """Rules that match the same leads: one of them may have been meant to be another."""
    for index, rule in enumerate(rules):
        for earlier in rules[:index]:
            if rule.when.names != earlier.when.names or not meet(rule, earlier):
                continue
            if implies(rule.when, earlier.when) and implies(earlier.when, rule.when):
                yield Problem(f"{rule.path}/when", f"matches whatever {earlier.name} matches, so both count", "warning")
                break


def _beyond_reach(card: Scorecard) -> Iterator[Problem]:
    """Letters, numbers and thresholds that no lead can have, for the rules never add up to so much."""
    fit = _most([(rule.group, rule.points) for rule in card.fit], card.fit_groups)
    engagement = _most([(one.group, one.points * one.times) for one in card.behaviours], card.engagement_groups)
    steps: list[tuple[str, Sequence[Letter | Number], int]] = [
        ("letters", card.letters, fit),
        ("numbers", card.numbers, engagement),
    ]
    for field, found, most in steps:
        for index, step in enumerate(found):
            if step.min is not None and step.min > most and (field == "letters" or card.behaviours):
                yield Problem(f"/{field}/{index}/min", f"is out of reach: there are at most {shown(most)} points", "warning")
    for index, threshold in enumerate(card.thresholds):
        if threshold.min > fit + engagement:
            least = shown(fit + engagement)
            yield Problem(f"/thresholds/{index}/min", f"is out of reach: there are at most {least} points", "warning")


def _most(worths: Iterable[tuple[str | None, int]], groups: Mapping[str, Group]) -> int:
    """The most that these can add up to."""
    free, sums = 0, dict.fromkeys(groups, 0)
    for group, points in worths:
        if points > 0 and group is None:
            free += points
        elif points > 0 and group is not None:
            sums[group] += points
    return free + sum(groups[name].bounded(points) for name, points in sums.items())
