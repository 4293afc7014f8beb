"""Lists: tables of leads as people and spreadsheets make them (CSV, XLSX), read row by row in bounded memory. Pure.

file ─▶ inspect_list ─▶ Layout ─▶ read_rows ─▶ Row ─▶ read_answers (by propose_columns) ─▶ answers for the mapping
"""

from services.intake.domain.lists.answers import Answers, Dates, date_columns, mapping_of, read_answers
from services.intake.domain.lists.cells import DateOrder, disarm
from services.intake.domain.lists.columns import FIELDS, Column, propose_columns, reachable
from services.intake.domain.lists.encoding import known_encoding
from services.intake.domain.lists.reading import inspect_list, read_rows, refuse_strangers
from services.intake.domain.lists.shape import Layout, Options, Row, Unreadable

__all__ = [
    "FIELDS",
    "Answers",
    "Column",
    "DateOrder",
    "Dates",
    "Layout",
    "Options",
    "Row",
    "Unreadable",
    "date_columns",
    "disarm",
    "inspect_list",
    "known_encoding",
    "mapping_of",
    "propose_columns",
    "reachable",
    "read_answers",
    "read_rows",
    "refuse_strangers",
]
