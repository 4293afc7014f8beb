"""How right a clustering is: pairwise and by cluster, and which pairs it gets wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TypeVar

from tests.eval.dedup.people import Person
from tests.eval.dedup.play import Played
from tests.eval.dedup.submissions import Submission

T = TypeVar("T")
V = TypeVar("V")


@dataclass
class Tally:
    """Right, missed and wrong, of pairs or of clusters."""

    right: int = 0
    missed: int = 0
    wrong: int = 0

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    def __iadd__(self, other: Tally) -> Tally:
        self.right, self.missed, self.wrong = self.right + other.right, self.missed + other.missed, self.wrong + other.wrong
        return self


@dataclass
class Score:
    """What came out.

    `pairs`: of submissions; two of one person in one contact are right. `tied`: the same, of a person's pairs only those that something
    other than the name ties together, directly or through the person's other submissions; the rest nobody could find, nor label in
    data that is not invented. `clusters`: a contact is right if it is all of one person and nothing else. `by_noise`: pairs of one
    person, by what is odd about either. `wrong_by`: pairs of two people, by what the two are. `suggested`: right where it is one person.
    """

    submissions: int = 0
    people: int = 0
    refused: int = 0
    pairs: Tally = field(default_factory=Tally)
    tied: Tally = field(default_factory=Tally)
    clusters: Tally = field(default_factory=Tally)
    by_noise: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    wrong_by: Counter[str] = field(default_factory=Counter)
    suggested: Tally = field(default_factory=Tally)
    exact: int = 0
    fuzzy: int = 0
    weighed: int = 0

    def __iadd__(self, other: Score) -> Score:
        for name in ("submissions", "people", "refused", "exact", "fuzzy", "weighed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.pairs += other.pairs
        self.tied += other.tied
        self.clusters += other.clusters
        self.suggested += other.suggested
        for noise, tally in other.by_noise.items():
            self.by_noise[noise] += tally
        self.wrong_by += other.wrong_by
        return self


def score(submissions: Sequence[Submission], played: Played, everybody: Sequence[Person]) -> Score:
    """Compares what was recognised with who really sent what. Submissions that were refused count nowhere but in `refused`."""
    kept = [
        (submission, contact) for submission, contact in zip(submissions, played.contacts, strict=True) if contact is not None
    ]
    result = Score(len(submissions), len({submission.person for submission, _ in kept}), len(submissions) - len(kept))
    result.exact, result.fuzzy, result.weighed = played.exact, played.fuzzy, played.weighed
    _score_pairs(result, kept, everybody)
    _score_clusters(result, kept)
    owners = _groups((contact, submission.person) for submission, contact in kept)
    for a, b in set(played.suggested):
        if a != b:
            right = bool(set(owners[a]) & set(owners[b]))
            result.suggested += Tally(right=right, wrong=not right)
    return result


def _score_pairs(result: Score, kept: Sequence[tuple[Submission, int]], everybody: Sequence[Person]) -> None:
    for mine in _groups((submission.person, (submission, contact)) for submission, contact in kept).values():
        tied = _tied([submission for submission, _ in mine])
        for (n, (one, first)), (m, (other, second)) in combinations(enumerate(mine), 2):
            tally = Tally(right=1) if first == second else Tally(missed=1)
            result.pairs += tally
            if tied[n] == tied[m]:
                result.tied += tally
            for noise in one.noise | other.noise or {"none"}:
                result.by_noise[noise] += tally
    for together in _groups((contact, submission) for submission, contact in kept).values():
        for one, other in combinations(together, 2):
            if one.person != other.person:
                result.pairs.wrong += 1
                result.tied.wrong += 1
                result.wrong_by[relation(everybody[one.person], everybody[other.person], one.noise | other.noise)] += 1


def _tied(submissions: Sequence[Submission]) -> list[int]:
    """For each submission of a person a number, the same for those that are tied together."""
    group = list(range(len(submissions)))
    seen: dict[str, int] = {}
    for n, submission in enumerate(submissions):
        for tie in submission.ties:
            old, new = group[seen.setdefault(tie, n)], group[n]
            group = [old if number == new else number for number in group]
    return group


def _score_clusters(result: Score, kept: Sequence[tuple[Submission, int]]) -> None:
    """Exact clusters, as in the literature: a contact is right if it is all of one person and nothing else."""
    truth = {frozenset(ids) for ids in _groups((submission.person, n) for n, (submission, _) in enumerate(kept)).values()}
    found = {frozenset(ids) for ids in _groups((contact, n) for n, (_, contact) in enumerate(kept)).values()}
    result.clusters = Tally(right=len(truth & found), missed=len(truth - found), wrong=len(found - truth))


def _groups(pairs: Iterable[tuple[T, V]]) -> dict[T, list[V]]:
    groups: dict[T, list[V]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def relation(a: Person, b: Person, noise: frozenset[str]) -> str:
    """What two people who were taken for one are to each other."""
    if a.twin == b.id:
        return "twins"
    if a.household is not None and a.household == b.household:
        return "father and son of one name" if (a.first, a.last) == (b.first, b.last) else "one household"
    if a.company is not None and a.company is b.company:
        role = ", a role's mailbox" if "role mailbox" in noise else ""
        return f"namesakes in one company{role}" if (a.first, a.last) == (b.first, b.last) else f"colleagues{role}"
    if (a.first, a.last) == (b.first, b.last):
        return "namesakes"
    return "strangers of one surname" if a.last == b.last else "strangers"
