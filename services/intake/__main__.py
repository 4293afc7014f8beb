"""python -m services.intake: this service as a process of its own."""

from __future__ import annotations

from services.intake.app import build
from services.intake.settings import IntakeSettings
from shared.runtime import main

if __name__ == "__main__":
    main(build, IntakeSettings)
