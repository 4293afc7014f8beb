"""Columns: what each is taken for, and why.

In order: what the person who uploads the list says, what its source's mapping says, a known spelling, one that is nearly known, and, in
a list without names, what the cells look like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from services.intake.domain.fields import NORMAL_FIELDS
from services.intake.domain.mapping import CUSTOM
from services.intake.domain.mapping import Mapping as SourceMapping
from services.intake.domain.quality.text import fold
from services.intake.domain.spellings import KNOWN, known_field

EXTERNAL_ID = "external_id"  # the sender's own id of this lead
SUBMITTED_AT = "submitted_at"
FIELDS = NORMAL_FIELDS | {EXTERNAL_ID, SUBMITTED_AT}
SIMILAR = 90.0  # of 100, by rapidfuzz's ratio

OWN_SPELLINGS = {
    EXTERNAL_ID: "leadid externalid externalleadid submissionid responseid",
    SUBMITTED_AT: "createdtime createdat createddate creationdate submittedat submissiondate submissiontime submittime submitteddate "
    "timestamp scannedat scantime scandate capturedat capturedate capturetime leaddate datesubmitted datecreated datecaptured",
}
_OWN = {spelling: field for field, spellings in OWN_SPELLINGS.items() for spelling in spellings.split()}
_ALL = {**KNOWN, **_OWN}
_SPELLINGS = sorted(_ALL)


@dataclass(frozen=True)
class Column:
    """A column and the field that it is taken for; None keeps it as an answer under its own name.

    `why` is asked, source, name, similar or content; empty where there is no field.
    """

    name: str
    field: str | None
    why: str = ""


def propose_columns(
    names: Sequence[str],
    *,
    asked: Mapping[str, str | None],
    source: SourceMapping,
    sample: Sequence[Sequence[str]] = (),
    headed: bool = True,
) -> list[Column]:
    """What each column is taken for. `asked` is by name; `sample` holds cells, for a list without a heading."""
    columns = [_told(name, asked, source) or _known(name) for name in names]
    taken = {column.field for column in columns if column.field}
    for n, column in enumerate(columns):
        if column.why:
            continue
        found = similar_field(column.name) if headed else _looks_like([row[n] for row in sample if n < len(row)])
        if found and found not in taken:
            taken.add(found)
            columns[n] = Column(column.name, found, "similar" if headed else "content")
    return columns


def field_of(name: str) -> str | None:
    """The field of a name that is known, compared without case, accents, blanks and punctuation."""
    return _OWN.get(fold(name)) or known_field(name)


def similar_field(name: str) -> str | None:
    """The field of the known spelling that is nearest, if it is near enough and begins alike (`state` is no `estate`)."""
    bare = fold(name[:100])
    if len(bare) < 5:
        return None
    found = process.extractOne(bare, _SPELLINGS, scorer=fuzz.ratio, score_cutoff=SIMILAR)
    return _ALL[found[0]] if found and found[0][0] == bare[0] else None


def reachable(columns: Sequence[Column]) -> bool:
    """Does any column say how to reach a person?"""
    return any(column.field in ("email", "phone") for column in columns)


def _told(name: str, asked: Mapping[str, str | None], source: SourceMapping) -> Column | None:
    if name in asked:
        field = asked[name]
        return Column(name, None if field == CUSTOM else field, "asked")
    if said := source.field_at(name):
        return Column(name, None if said == CUSTOM else said, "source")
    return None


def _known(name: str) -> Column:
    field = field_of(name)
    return Column(name, field, "name" if field else "")


def _looks_like(cells: Sequence[str]) -> str | None:
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return None
    if sum(1 for cell in filled if _is_address(cell)) * 2 > len(filled):
        return "email"
    return "phone" if sum(1 for cell in filled if _is_phone(cell)) * 2 > len(filled) else None


def _is_address(cell: str) -> bool:
    local, at, domain = cell.rpartition("@")
    return bool(at and local and "." in domain) and " " not in cell


def _is_phone(cell: str) -> bool:
    digits = sum(1 for c in cell if c.isdigit())
    return 8 <= digits <= 15 and all(c.isdigit() or c in "+-(). /" for c in cell)
