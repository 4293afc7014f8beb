"""Everything is killed and stopped under load, and nothing may be lost or doubled. `make chaos` runs it."""
