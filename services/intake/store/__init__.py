"""Every query of intake, a module for each thing that is kept. Never commits.

Locks are taken in this order, each kind sorted by key: external ids → identifiers → contacts → leads.
"""
