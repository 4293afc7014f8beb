"""python -m services.router: this service as a process of its own."""

from __future__ import annotations

from services.router.app import build
from services.router.settings import RouterSettings
from shared.runtime import main

if __name__ == "__main__":
    main(build, RouterSettings)
