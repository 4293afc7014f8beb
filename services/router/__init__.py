"""Router gives each lead to one agent: right, fair, within caps, while many replicas decide at once.

consumes: leads.scored (LeadScored, and what it passes on), leads.tracked (StageChanged)
emits: leads.routed (LeadAssigned, LeadQueued, LeadRejected, AssignmentEnded, and passed on LeadMerged, LeadUnmerged, LeadErased)
owns: schema router (agents, policies, groups, ledger, assignments, queue, decisions)
serves: /v1/agents, /v1/pools, /v1/policies, /v1/assignments, /v1/queue, /v1/decisions
settings prefix: ROUTER_
"""
