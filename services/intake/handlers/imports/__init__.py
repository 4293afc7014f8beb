"""Imports: a list is uploaded, read, looked at, and taken row by row. Use cases, and the steps of the two jobs that do the work.

uploading ─▶ reading ─▶ read (a dry run waits here) ─▶ running ─▶ done          failed, cancelled
"""

from __future__ import annotations

from collections.abc import Mapping

from services.intake.handlers.imports.control import cancel_import, change_import, start_import
from services.intake.handlers.imports.reading import read_list
from services.intake.handlers.imports.running import run_list
from services.intake.handlers.imports.show import result_head, result_lines, sample_of, shown_import, shown_row
from services.intake.handlers.imports.upload import add_piece, begin_upload, drop_upload, end_upload
from services.intake.handlers.imports.work import READ, RUN
from shared.jobs import Step

JOB_STEPS: Mapping[str, Step] = {READ: read_list, RUN: run_list}

__all__ = [
    "JOB_STEPS",
    "add_piece",
    "begin_upload",
    "cancel_import",
    "change_import",
    "drop_upload",
    "end_upload",
    "result_head",
    "result_lines",
    "sample_of",
    "shown_import",
    "shown_row",
    "start_import",
]
