"""python -m services.scoring: this service as a process of its own."""

from __future__ import annotations

from services.scoring.app import build
from services.scoring.settings import ScoringSettings
from shared.runtime import main

if __name__ == "__main__":
    main(build, ScoringSettings)
