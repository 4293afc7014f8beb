"""The scorecard as values, compiled: rules of fit, behaviours of engagement, groups that cap, letters, numbers, thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from services.scoring.domain.scorecard.reason import Reason
from shared.rules import Definitions, Rule, RuleSet, always

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that count together: at most `max` and at least `min` hundredths, where there is such a bound."""

    name: str
    max: int | None = None
    min: int | None = None

    def bounded(self, points: int) -> int:
        if self.max is not None and points > self.max:
            return self.max
        return self.min if self.min is not None and points < self.min else points


@dataclass(frozen=True, slots=True)
class FitRule:
    """Adds `points` (hundredths) to the fit of a lead that `when` matches. `path` is where it stands in the document."""

    path: str
    name: str
    when: Rule
    points: int
    reason: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Adds `points` (hundredths) to the engagement for each of the newest `times` occurrences of a kind in `on` that `when` matches.

    An occurrence is worth half of them after `half_life` seconds, a quarter after two; without one it is never forgotten.
    """

    path: str
    name: str
    on: tuple[str, ...]
    when: Rule
    points: int
    reason: str
    half_life: float | None = None
    times: int = 20
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """The letter of a fit of at least `min` hundredths; the last one has no minimum and catches all."""

    letter: str
    min: int | None = None

    @property
    def label(self) -> str:
        return self.letter


@dataclass(frozen=True, slots=True)
class Number:
    """The number of an engagement of at least `min` hundredths; the last one has no minimum and catches all."""

    number: int
    min: int | None = None

    @property
    def label(self) -> int:
        return self.number


@dataclass(frozen=True, slots=True)
class Threshold:
    """A name for all leads whose whole score is at least `min` hundredths."""

    name: str
    min: int


@dataclass(frozen=True)
class Scorecard:
    """One version of the card, as `document` reads it. It is taken as it is: `lint` judges it.

    Letters and numbers go from the best to the last; their groups are in the document's order, as are all else.
    """

    name: str | None
    definitions: Definitions
    fit: tuple[FitRule, ...] = ()
    fit_groups: Mapping[str, Group] = field(default_factory=dict)
    behaviours: tuple[Behaviour, ...] = ()
    engagement_groups: Mapping[str, Group] = field(default_factory=dict)
    letters: tuple[Letter, ...] = (Letter("D"),)
    numbers: tuple[Number, ...] = (Number(4),)
    thresholds: tuple[Threshold, ...] = ()
    hysteresis: int = 200

    @cached_property
    def rules(self) -> RuleSet:
        """The rules of fit as one, so that those that cannot match cost nothing."""
        return RuleSet([rule.when for rule in self.fit])

    @cached_property
    def told(self) -> tuple[tuple[Reason, str | None], ...]:
        """What each rule of fit gives where it matches, and the group that it counts in."""
        return tuple((Reason(rule.name, "fit", rule.reason, rule.points), rule.group) for rule in self.fit)

    @cached_property
    def listeners(self) -> dict[str, tuple[tuple[int, Rule | None], ...]]:
        """By kind of activity the places of the behaviours that listen to it, and what each asks; None where it asks nothing."""
        found: dict[str, list[tuple[int, Rule | None]]] = {}
        for place, behaviour in enumerate(self.behaviours):
            asks = None if always(behaviour.when) else behaviour.when
            for kind in behaviour.on:
                found.setdefault(kind, []).append((place, asks))
        return {kind: tuple(places) for kind, places in found.items()}
