"""Every query of scoring, a module for each thing that is kept. Never commits.

Locks are taken in this order: documents → leads, sorted by id → timers.
"""
