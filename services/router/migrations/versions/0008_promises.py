"""What was promised for a lead, to whom it is offered and who sent it back; queues that age; the terms of a decision."""

from __future__ import annotations

from shared.db.migrate import script

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script("""
        -- scored: what else scoring found. refused: agents who do not get the lead again by themselves. due_at: when its timer rings.
        ALTER TABLE router.leads
            ADD scored jsonb, ADD hops smallint NOT NULL DEFAULT 0, ADD refused uuid[] NOT NULL DEFAULT '{}', ADD responded_at timestamptz,
            ADD offered jsonb, ADD clocks jsonb, ADD due_at timestamptz;
        -- By what owners are kept: the same contact, company or account.
        CREATE INDEX leads_contact_idx ON router.leads ((facts ->> 'contact_id')) WHERE facts ? 'contact_id';
        CREATE INDEX leads_company_idx ON router.leads ((lower(facts ->> 'company_domain'))) WHERE facts ? 'company_domain';
        CREATE INDEX leads_account_idx ON router.leads ((facts ->> 'account_id')) WHERE facts ? 'account_id';
        CREATE INDEX leads_offered_idx ON router.leads (lead_id) WHERE offered IS NOT NULL;

        ALTER TABLE router.assignments ADD rule text, ADD group_id bigint, ADD accepted_at timestamptz;
        UPDATE router.assignments a SET rule = d.rule, group_id = d.group_id
            FROM router.decisions d WHERE d.lead_id = a.lead_id AND d.id = a.id;
        CREATE INDEX assignments_open_idx ON router.assignments (agent_id, lead_id) WHERE closed_at IS NULL;
        CREATE INDEX assignments_lead_id_idx ON router.assignments (lead_id, assigned_at);

        -- The highest rank is served first: points, and what waiting is worth. until: for so long a lead waits for its own owner.
        ALTER TABLE router.queue ADD rank bigint, ADD until timestamptz;
        UPDATE router.queue SET rank = points * 3600000::bigint;
        ALTER TABLE router.queue ALTER rank SET NOT NULL;
        DROP INDEX router.queue_order_idx;
        CREATE INDEX queue_order_idx ON router.queue (pool, rank DESC, queued_at, lead_id);

        -- more: terms, offer, failed rules and who said so; NULL for what was decided by policy, state and facts alone.
        ALTER TABLE router.decisions ADD more jsonb;
    """)
