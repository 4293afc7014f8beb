"""Scoring says how good a lead is, by a definition that marketing and sales share, and why.

consumes: leads.received (LeadReceived, and what it passes on), leads.tracked (StageChanged)
emits: leads.scored (LeadScored, and passed on LeadMerged, LeadUnmerged, LeadErased)
owns: schema scoring (scorecards, definitions, leads, their activities and history) · serves: /v1/scorecards, /v1/qualifications, /v1/scores
settings prefix: SCORING_
"""
