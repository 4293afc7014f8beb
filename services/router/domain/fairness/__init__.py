"""What everyone of a pool was entitled to and received, and why: entries, the book they are folded into, statements."""

from services.router.domain.fairness.book import Book
from services.router.domain.fairness.entries import (
    CREDITED,
    DEBITED,
    FAIRNESS_KINDS,
    JOINED,
    LEAVE_BEGAN,
    LEAVE_ENDED,
    LEFT,
    RETURNED,
    REWEIGHTED,
    credited,
    debited,
    joined,
    leave_began,
    leave_ended,
    left,
    returned,
    reweighted,
)
from services.router.domain.fairness.opening import open_counters
from services.router.domain.fairness.statement import Line, Reason, Statement

__all__ = [
    "CREDITED",
    "DEBITED",
    "FAIRNESS_KINDS",
    "JOINED",
    "LEAVE_BEGAN",
    "LEAVE_ENDED",
    "LEFT",
    "RETURNED",
    "REWEIGHTED",
    "Book",
    "Line",
    "Reason",
    "Statement",
    "credited",
    "debited",
    "joined",
    "leave_began",
    "leave_ended",
    "left",
    "open_counters",
    "returned",
    "reweighted",
]
