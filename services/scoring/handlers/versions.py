"""Versions of the scorecard and the definition, compiled once a process and kept for the leads that they judged.

A stored document was linted when it was saved. Should a newer program not be able to read some rule of it, that rule is left out, said in
the log, counted, and shown with the version; the others score.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prometheus_client import Gauge

from services.scoring.domain import qualification, scorecard
from services.scoring.domain.qualification import Definition, Level, ScoreMarks
from services.scoring.domain.scorecard import Scorecard
from services.scoring.handlers.early import levels_of
from services.scoring.store import documents
from services.scoring.store.documents import Kind
from shared.contracts.vocabulary import FACTS
from shared.db.uow import UnitOfWork
from shared.rules import Problem
from shared.telemetry import METRICS, logger

KEPT = 32  # versions of each kind; more than leads are judged by at a time

log = logger(__name__)
rules_left_out = Gauge(
    "handoff_rules_left_out",
    "Rules of a stored version that could not be read and do not count, by kind of document.",
    ["kind", "version"],
    registry=METRICS,
)


@dataclass(frozen=True)
class Card:
    """One version of the scorecard, ready to score."""

    version: int
    card: Scorecard


@dataclass(frozen=True)
class Agreed:
    """One version of the definition, ready to judge, with the points at which its word may turn."""

    version: int
    definition: Definition
    marks: ScoreMarks
    levels: Mapping[str, Level]  # what `early` can look at


@dataclass(frozen=True)
class Versions:
    """What leads are scored by: one version of each."""

    card: Card
    agreed: Agreed

    @property
    def numbers(self) -> tuple[int, int]:
        return self.card.version, self.agreed.version


@dataclass
class Library:
    """What this process has compiled. A version never changes, so it stays right; which ones are active is asked each time."""

    cards: dict[int, Card] = field(default_factory=dict)
    agreed: dict[int, Agreed] = field(default_factory=dict)


async def active(uow: UnitOfWork) -> Versions:
    """What scores leads by now. Documents are read only where this process has not seen them."""
    library = uow.memory(Library)
    found = await documents.active_versions(uow, library.cards.keys(), library.agreed.keys())
    card = library.cards.get(found.scorecard) or _keep(uow, library.cards, _card(found.scorecard, found.card_document))
    agreed = library.agreed.get(found.definition)
    return Versions(card, agreed or _keep(uow, library.agreed, _agreed(found.definition, found.definition_document)))


async def of(uow: UnitOfWork, wanted: Collection[tuple[int, int]]) -> dict[tuple[int, int], Versions]:
    """These pairs of versions. A number that is not there is passed over, with its pair."""
    library = uow.memory(Library)
    cards = await _known(uow, Kind.SCORECARD, {card for card, _ in wanted}, library.cards, _card)
    agreed = await _known(uow, Kind.DEFINITION, {definition for _, definition in wanted}, library.agreed, _agreed)
    return {pair: Versions(cards[pair[0]], agreed[pair[1]]) for pair in wanted if pair[0] in cards and pair[1] in agreed}


async def _known(
    uow: UnitOfWork, kind: Kind, wanted: Iterable[int], kept: dict[int, Any], compiled: Callable[[int, Any], Any]
) -> dict[int, Any]:
    found = {version: kept[version] for version in wanted if version in kept}
    if missing := [version for version in wanted if version not in found]:
        for version, document in (await documents.documents_of(uow, kind, missing)).items():
            found[version] = _keep(uow, kept, compiled(version, document))
    return found


def _keep(uow: UnitOfWork, kept: dict[int, Any], compiled: Any) -> Any:
    """Kept once the transaction is durable: a version that is rolled back leaves its number to another document."""
    uow.after_commit(partial(_put, kept, compiled))
    return compiled


def _put(kept: dict[int, Any], compiled: Any) -> None:
    kept[compiled.version] = compiled
    while len(kept) > KEPT:
        del kept[next(iter(kept))]


def _card(version: int, document: Any) -> Card:
    card, problems = scorecard.load(document, FACTS)
    _report(Kind.SCORECARD, version, problems)
    return Card(version, card)


def _agreed(version: int, document: Any) -> Agreed:
    definition, problems = qualification.load(document, FACTS)
    _report(Kind.DEFINITION, version, problems)
    return agreed_as(version, definition)


def agreed_as(version: int, definition: Definition) -> Agreed:
    return Agreed(version, definition, qualification.score_marks(definition), levels_of(definition))


def _report(kind: Kind, version: int, problems: Sequence[Problem]) -> None:
    rules_left_out.labels(kind.value, str(version)).set(len(problems))
    for problem in problems:
        log.error("document.left_out", kind=kind.value, version=version, path=problem.path, reason=problem.message)


def problems_of(kind: Kind, document: dict[str, Any]) -> list[Problem]:
    """What of a stored version does not count, and why."""
    load = scorecard.load if kind is Kind.SCORECARD else qualification.load
    return load(document, FACTS)[1]
