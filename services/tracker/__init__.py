"""Tracker follows every lead from cradle to grave: one timeline, its stage, its owner, how fast and how it ended.

consumes: leads.received, leads.scored, leads.routed (all events) · emits: leads.tracked (StageChanged, FirstResponded)
owns: schema tracker (leads, timeline, erasures) · serves: /v1/leads but for POST /v1/leads, /v1/reports
settings prefix: TRACKER_
"""
