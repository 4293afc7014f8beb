"""The measurement as a page: tables in Markdown, which read as well on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.intake.domain.likeness import MAX_BLOCK, SUGGESTED, THRESHOLD
from tests.eval.dedup.score import Score


@dataclass(frozen=True)
class Run:
    """`held_out`: nothing was ever set on this seed, not even looked at before the weights stood."""

    label: str
    seeds: tuple[int, ...]
    score: Score
    held_out: bool


TARGET_PRECISION = 0.99
TARGET_RECALL = 0.95


def meets_target(score: Score) -> bool:
    return score.pairs.precision >= TARGET_PRECISION and score.pairs.recall >= TARGET_RECALL


COLUMNS = (
    "run",
    "seeds",
    "submissions",
    "people",
    "precision",
    "recall, findable",
    "recall, all",
    "clusters P / R",
    "exact + fuzzy",
    "suggested, right",
)
ROW = "| {} | {} | {:,} | {:,} | {:.4f} | {:.4f} | {:.4f} | {:.3f} / {:.3f} | {} + {} | {} of {} |"


def page(runs: Sequence[Run], main: Run) -> str:
    """All runs in one table, then what the main one missed and mixed up."""
    return "\n".join([*_summary(runs, main), *_missed(main.score), *_mixed_up(main.score)]) + "\n"


def _summary(runs: Sequence[Run], main: Run) -> list[str]:
    met = meets_target(main.score)
    return [
        "# Recognition, measured",
        "",
        "`make eval-dedup` writes this page. The people are invented, and so are their submissions; who and how often is in",
        "[people.py](people.py) and [submissions.py](submissions.py). Submissions are played in order through intake's own rules.",
        f"Contacts are merged from {THRESHOLD} on and suggested to a person from {SUGGESTED} on;",
        f"a block of more than {min(MAX_BLOCK.values())} to {max(MAX_BLOCK.values())} contacts, by its kind, is not weighed.",
        "",
        f"Precision and recall are of pairs of submissions. The target is precision {TARGET_PRECISION} at recall {TARGET_RECALL} of all",
        f"pairs, on seeds held out; it is **{'met' if met else 'missed'}**. **Findable** leaves out a person's pairs that only the name",
        "ties together (an address at work once, a private one then, and no number), which hardly anybody could find.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|---|---|{'---:|' * (len(COLUMNS) - 2)}",
        *(_row(run) for run in runs),
        "",
    ]


def _row(run: Run) -> str:
    score = run.score
    return ROW.format(
        f"**{run.label}**" if run.held_out else run.label,
        ", ".join(map(str, run.seeds)),
        score.submissions,
        score.people,
        score.pairs.precision,
        score.tied.recall,
        score.pairs.recall,
        score.clusters.precision,
        score.clusters.recall,
        score.exact,
        score.fuzzy,
        score.suggested.right,
        score.suggested.right + score.suggested.wrong,
    )


def _missed(score: Score) -> list[str]:
    """By kind of noise, worst first. A pair may have several kinds."""
    kinds = sorted(score.by_noise.items(), key=lambda kind: (kind[1].recall, kind[0]))
    return [
        "## Pairs of one person, by what is odd about them (held out)",
        "",
        "| noise | pairs | missed | recall |",
        "|---|---:|---:|---:|",
        *(f"| {noise} | {tally.right + tally.missed:,} | {tally.missed:,} | {tally.recall:.3f} |" for noise, tally in kinds),
        "",
    ]


def _mixed_up(score: Score) -> list[str]:
    return [
        "## Pairs of two people taken for one (held out)",
        "",
        "| who they are to each other | pairs |",
        "|---|---:|",
        *(f"| {kind} | {count} |" for kind, count in sorted(score.wrong_by.items(), key=lambda kind: (-kind[1], kind[0]))),
    ]
