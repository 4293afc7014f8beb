"""What a list is once it is understood: its layout, its rows, and the errors that say why it cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_ROWS = 2_000_000
MAX_COLUMNS = 500
MAX_RECORD = 128 * 1024  # characters of one row


class Unreadable(ValueError):
    """The file is no list that can be read here. The message says what to do; `status` is 415 for a kind not read here, else 422."""

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Options:
    """What a person says of their list. What they leave out is found out.

    `header` is the number of the row that names the columns, 0 where there is none. `mapping` gives a column's field, None to keep the
    column as an answer of its own. `zone` is where the list's clock stands.
    """

    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header: int | None = None
    day_first: bool | None = None
    zone: str = "UTC"
    mapping: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """How a list is to be read: all that was found out, so that it is read the same way again."""

    kind: str  # csv or xlsx
    names: tuple[str, ...]
    header: int
    encoding: str | None = None
    delimiter: str | None = None
    announced: bool = False  # by a first line such as sep=;
    sheet: str | None = None
    sheets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One row as it is in the file. `n` is its number there, as a spreadsheet shows it."""

    n: int
    cells: list[str]
    warnings: list[str] = field(default_factory=list)

    @property
    def blank(self) -> bool:
        return not any(cell.strip() for cell in self.cells)
