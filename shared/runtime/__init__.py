"""Running services: what one is made of, how its loops are supervised, and in which order it stops.

A service is a FastAPI app and loops: its own, a consumer, a relay, housekeeping. An unexpected crash of a loop ends the process, for a
half-alive service is worse than a restarted one. Shutdown: not ready, stop accepting and reading, finish the batch in hand, commit, leave
the group, flush the relay, close.
"""

from shared.runtime.server import main, run, serve
from shared.runtime.service import Loop, Platform, Service, assemble, open_bus, open_database

__all__ = ["Loop", "Platform", "Service", "assemble", "main", "open_bus", "open_database", "run", "serve"]
