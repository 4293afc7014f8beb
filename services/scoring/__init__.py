"""Scoring says how good a lead is, by a definition that marketing and sales share, and why.

consumes: leads.received (LeadReceived), leads.tracked (StageChanged) · emits: leads.scored (LeadScored)
owns: schema scoring (scorecards, leads) · serves: /v1/scorecards, /v1/scores
settings prefix: SCORING_
"""
