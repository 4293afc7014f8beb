"""python -m services.tracker: this service as a process of its own."""

from __future__ import annotations

from services.tracker.app import build
from services.tracker.settings import TrackerSettings
from shared.runtime import main

if __name__ == "__main__":
    main(build, TrackerSettings)
