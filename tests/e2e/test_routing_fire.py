"""Four processes route at once while agents come and go, the policy changes and each process is killed twice."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.fire import fire
from tests.support.ground import Ground
from tests.support.installation import Installation, make_tokens


async def test_leads_are_routed_right_while_everything_changes_and_processes_are_killed(
    installation: Installation, tmp_path: Path
) -> None:
    ground = Ground(Installation(installation.admin_dsn, installation.dsns, make_tokens(tmp_path)), tmp_path)
    outcome = await fire(ground, leads=1_500, processes=4, seed=1)
    assert outcome.violations == []
    assert outcome.done["killed with SIGKILL"] == 8
    missing = {"assigned", "offered", "queued", "kept"} - outcome.decided.keys()
    assert not missing, f"so little happened that nothing was {missing}"
