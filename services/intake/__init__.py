"""Intake receives leads from every source, brings them into one normal form and keeps them.

consumes: nothing yet · emits: leads.received (LeadReceived)
owns: schema intake (sources, leads, raw deliveries) · serves: POST /v1/leads, /hooks, /v1/sources
settings prefix: INTAKE_
"""
