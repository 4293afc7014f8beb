"""What is wrong with a qualification definition, found before anybody is asked to approve it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from services.scoring.domain.qualification.definition import Clue, Definition, Dimension, Level, confidence_of
from services.scoring.domain.qualification.document import load
from services.scoring.domain.qualification.evidence import CERTAIN
from shared.rules import Problem, Rule, RuleError, Vocabulary, always, compile_rule, contradiction, implies


def lint(document: object, vocabulary: Vocabulary) -> list[Problem]:
    """All problems of a definition; it may be approved when none of them is an error. Never raises.

    Paths are JSON Pointers into the document, lines and columns count within a rule's text. What is left out because it cannot be read is
    not judged any further.
    """
    definition, problems = load(document, vocabulary)
    return [
        *problems,
        *(problem for dimension in definition.dimensions.values() for problem in _of_clues(dimension.clues)),
        *_of_disqualifiers(definition),
        *_of_levels(definition),
        *(() if problems else _of_dimensions(definition)),
    ]


def _never(rule: Rule, path: str) -> Iterator[Problem]:
    if why := contradiction(rule):
        yield Problem(f"{path}/when", f"can never be true: {why}", line=1, column=1)


# -- Evidence ------------------------------------------------------------------------------------------------------------------------


def _of_clues(clues: Sequence[Clue]) -> Iterator[Problem]:
    for place, clue in enumerate(clues):
        yield from _never(clue.when, clue.path)
        if hider := next((one for one in clues[:place] if _covers(one.when, clue.when)), None):
            yield Problem(clue.path, f'never counts: "{hider.value}" before it takes all its leads', "warning")


def _of_dimensions(definition: Definition) -> Iterator[Problem]:
    """Dimensions that are shown and never asked for, which is allowed and may be meant."""
    if any(level.total is not None for level in definition.levels):
        return
    asked = {name for level in definition.levels for name in level.floors}
    named = {name for rule in definition.conditions for name in rule.names}
    for name in definition.dimensions:
        if name not in asked and confidence_of(name) not in named:
            yield Problem(f"/dimensions/{name}", "is asked for by no level", "warning")


# -- Rules that disqualify -----------------------------------------------------------------------------------------------------------


def _of_disqualifiers(definition: Definition) -> Iterator[Problem]:
    for place, one in enumerate(definition.disqualify):
        yield from _never(one.when, one.path)
        if always(one.when):
            yield Problem(f"{one.path}/when", "disqualifies every lead")
        elif any(_covers(earlier.when, one.when) for earlier in definition.disqualify[:place]):
            yield Problem(one.path, "never counts: one before it takes all its leads", "warning")


# -- Levels --------------------------------------------------------------------------------------------------------------------------


def _of_levels(definition: Definition) -> Iterator[Problem]:
    asked = [_whole_condition(level, definition.asks) for level in definition.levels]
    for place, level in enumerate(definition.levels):
        yield from _of_reach(level, definition.dimensions.values())
        never = list(_never(level.when, level.path))
        yield from never
        if not never and (why := _why_never(level, asked, place, definition)):
            yield Problem(level.path, f"can never be given: {why}")


def _why_never(level: Level, asked: Sequence[Rule], place: int, definition: Definition) -> str | None:
    """Why no lead can come to this level, although its condition by itself can be true."""
    if why := _impossible(asked[place], definition):
        return why
    if any(implies(asked[place], one.when) for one in definition.disqualify):
        return "a rule disqualifies all its leads"
    for earlier, whole in zip(definition.levels[:place], asked, strict=False):
        if _covers(whole, asked[place]) and _covers_total(earlier, level):
            return f"{earlier.name} before it takes all its leads"
    return None


def _of_reach(level: Level, dimensions: Iterable[Dimension]) -> Iterator[Problem]:
    """What no evidence can reach is an error; what the facts cannot reach without a person's word is worth knowing."""
    best = {one.name: max((clue.confidence for clue in one.clues), default=0) for one in dimensions}
    if level.total is not None and level.total > CERTAIN * len(best):
        yield Problem(
            f"{level.path}/total", f"is beyond reach: {len(best)} dimensions have {CERTAIN * len(best)} per cent together"
        )
    elif level.total is not None and level.total > sum(best.values()):
        yield Problem(
            f"{level.path}/total", f"is beyond the facts, which give {sum(best.values())} at most: only people can", "warning"
        )
    for name, floor in level.floors.items():
        if floor > best[name]:
            yield Problem(
                f"{level.path}/floors/{name}",
                f"is beyond the facts, which give {best[name]} at most: only a person can",
                "warning",
            )


def _whole_condition(level: Level, vocabulary: Vocabulary) -> Rule:
    """The level's condition together with its floors, as one rule."""
    floors = [f"{confidence_of(name)} >= {floor}" for name, floor in level.floors.items()]
    return _compiled(level.when, floors, vocabulary) or level.when


def _impossible(whole: Rule, definition: Definition) -> str | None:
    """Why condition, floors and the bounds of every confidence exclude one another."""
    names = [name for name in map(confidence_of, definition.dimensions) if name in whole.names]
    bounded = _compiled(whole, [f"{name} >= 0 && {name} <= {CERTAIN}" for name in names], definition.asks)
    return contradiction(bounded) if bounded else None


def _compiled(rule: Rule, more: Sequence[str], vocabulary: Vocabulary) -> Rule | None:
    """The rule with more to ask; None where that is longer than a rule may be."""
    if not more:
        return rule
    try:
        return compile_rule(" && ".join([f"({rule.text}\n)", *more]), vocabulary)
    except RuleError:
        return None


def _covers(earlier: Rule, later: Rule) -> bool:
    """Whether the earlier one surely holds wherever the later one does."""
    return always(earlier) or implies(later, earlier)


def _covers_total(earlier: Level, later: Level) -> bool:
    if earlier.total is None:
        return True
    return earlier.total <= max(later.total or 0, sum(later.floors.values()))
