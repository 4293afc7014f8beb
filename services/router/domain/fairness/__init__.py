"""What everyone of a pool was entitled to and received, and why: entries, the book they are folded into, statements."""

from services.router.domain.fairness.book import Book
from services.router.domain.fairness.entries import (
    CREDITED,
    DEBITED,
    FAIRNESS_KINDS,
    REWEIGHTED,
    credited,
    debited,
    reweighted,
)
from services.router.domain.fairness.opening import open_counters
from services.router.domain.fairness.statement import Line, Reason, Statement
from services.router.domain.fairness.tally import Note

__all__ = [
    "CREDITED",
    "DEBITED",
    "FAIRNESS_KINDS",
    "REWEIGHTED",
    "Book",
    "Line",
    "Note",
    "Reason",
    "Statement",
    "credited",
    "debited",
    "open_counters",
    "reweighted",
]
