"""The state of a group: the fold of its ledger, with the indexes that make a decision cheap.

Who is eligible is kept up to date per pool as entries are applied and time passes, so that a decision looks at nobody who cannot
receive, and time costs only those whose answer it may change: a heap holds the moments (`seats`). What each entry does is in `folds`,
what decisions ask and what is kept of a group in `group`. The indexes follow from agents, turns and the time alone; a snapshot does
not hold them.
"""

from services.router.domain.state.group import VERSION, GroupState

__all__ = ["VERSION", "GroupState"]
