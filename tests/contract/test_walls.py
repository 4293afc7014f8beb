"""The import contracts of pyproject.toml hold, and each catches the fault that it is there for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")


@dataclass(frozen=True)
class Fault:
    """A line put into a file (a new one, where there is none), and the contract that must break by it."""

    path: str
    line: str
    contract: str


FAULTS = {
    "a service imports another": Fault(
        "services/scoring/store.py", "import services.router.store", "Services know nothing of each other"
    ),
    "an import within a function": Fault(
        "services/scoring/store.py",
        "def late() -> None:\n    import services.router.store",
        "Services know nothing of each other",
    ),
    "an import for types only": Fault(
        "services/scoring/store.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import services.tracker.store",
        "Services know nothing of each other",
    ),
    "a store looks at its handlers": Fault(
        "services/scoring/store.py", "import services.scoring.handlers", "Every service has the same rooms"
    ),
    "a stray room": Fault("services/scoring/utils.py", "", "Every service has the same rooms"),
    "a stray module in shared": Fault("shared/helpers.py", "", "Shared is layered too"),
    "a domain does input and output": Fault("services/router/domain/state/group.py", "import os", "A domain is pure"),
    "a domain knows a contract": Fault("services/intake/domain/normal.py", "import shared.contracts.events", "A domain is pure"),
    "rules draw lots": Fault("shared/rules/rule.py", "import random", "A domain is pure"),
    "handlers see the web": Fault("services/scoring/handlers.py", "import fastapi", "Handlers and stores do not see the web"),
    "a store sees a broker": Fault("services/intake/store/leads.py", "import aiokafka", "Handlers and stores do not see the web"),
    "shared imports a service": Fault("shared/relay.py", "import services.intake.tables", "Services stand on shared"),
    "shared looks upwards": Fault("shared/db/inbox.py", "import shared.consumer", "Shared is layered too"),
    "someone chooses a bus": Fault(
        "services/scoring/app.py", "import shared.bus.kafka", "Only the runtime chooses a bus adapter"
    ),
    "a circle": Fault("services/router/domain/rotation.py", "import services.router.domain.decision", "No circles"),
    "a command used by a service": Fault(
        "services/intake/app.py", "import services.commands.installation", "The command line stands on the services"
    ),
}


def lint(folder: Path) -> str:
    """What the linter says of the code in this folder."""
    done = subprocess.run([LINTER, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def broken(report: str) -> list[str]:
    """The names of the contracts that do not hold."""
    return [line.removesuffix(" BROKEN") for line in report.splitlines() if line.endswith(" BROKEN")]


def test_the_walls_stand() -> None:
    report = lint(ROOT)
    assert broken(report) == [], report
    assert "0 broken" in report


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walls")
    for name in ("services", "shared"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught(copy: Path, name: str) -> None:
    fault = FAULTS[name]
    path = copy / fault.path
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{fault.line}\n")
    try:
        report = lint(copy)
    finally:
        path.unlink() if before is None else path.write_text(before)
    assert [contract for contract in broken(report) if contract.startswith(fault.contract)], report
