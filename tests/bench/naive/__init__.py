"""The pipeline a competent person writes first, kept for comparison.

FastAPI with pydantic bodies, an ORM session a request, one message and one commit at a time, four processes over Kafka
or over a table used as a queue. It does less than ours: no inbox, no outbox, no dead letters, no caps, one timeline row
a lead; and no clean addresses and numbers, no contacts and no recognition: every submission is a new lead, as it came.
It is honest: asyncpg under the ORM, uvloop and httptools, indexes where its queries need them.
"""
