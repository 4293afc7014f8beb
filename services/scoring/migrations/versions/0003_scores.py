"""Fit and engagement, qualification definitions, history; scorecards of the first kind become those of the second."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import text

from services.scoring.domain import qualification
from services.scoring.domain.scorecard import definition_from_v1, from_v1
from shared.contracts.vocabulary import FACTS
from shared.db.migrate import platform, script
from shared.db.uow import to_json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script(platform("scoring", 3))
    script("""
        ALTER TABLE scoring.scorecards ADD state text CHECK (state IN ('draft', 'active', 'retired'));
        UPDATE scoring.scorecards SET state = CASE WHEN active THEN 'active' ELSE 'retired' END;
        ALTER TABLE scoring.scorecards ALTER state SET NOT NULL, DROP active;
        CREATE UNIQUE INDEX ON scoring.scorecards (state) WHERE state = 'active';
        CREATE TABLE scoring.definitions (
            version integer PRIMARY KEY,
            document jsonb NOT NULL,
            state text NOT NULL CHECK (state IN ('draft', 'active', 'retired')),
            created_at timestamptz NOT NULL,
            created_by text NOT NULL,
            approvals jsonb NOT NULL DEFAULT '{}'
        );
        CREATE UNIQUE INDEX ON scoring.definitions (state) WHERE state = 'active';
        CREATE TABLE scoring.activations (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            kind text NOT NULL CHECK (kind IN ('scorecard', 'definition')),
            version integer NOT NULL,
            activated_at timestamptz NOT NULL,
            activated_by text NOT NULL
        );
        CREATE INDEX ON scoring.activations (kind, id);
        ALTER TABLE scoring.leads
            ADD source text, ADD facts_at timestamptz, ADD told jsonb,
            ADD fit integer, ADD engagement integer, ADD letter text, ADD number integer, ADD thresholds jsonb,
            ADD judgement jsonb, ADD definition_version integer,
            ADD revision integer NOT NULL DEFAULT 0, ADD scored_at timestamptz, ADD scored_sequence integer,
            ADD cause text, ADD changed jsonb, ADD next_change timestamptz, ADD override jsonb, ADD evidence jsonb;
        UPDATE scoring.leads SET
            points = points * 100, fit = points * 100, engagement = 0, source = facts ->> 'source',
            reasons = (SELECT coalesce(jsonb_agg(r || jsonb_build_object('part', 'fit', 'hundredths', (r ->> 'points')::int * 100)), '[]')
                FROM jsonb_array_elements(reasons) AS r),
            revision = 1, scored_at = received_at, cause = 'received'
        WHERE scorecard_version IS NOT NULL;
        CREATE INDEX ON scoring.leads (merged_into) WHERE merged_into IS NOT NULL;
        CREATE TABLE scoring.history (
            lead_id uuid NOT NULL,
            revision integer NOT NULL,
            scored_at timestamptz NOT NULL,
            scored_sequence integer,
            cause text NOT NULL,
            changed jsonb,
            points integer NOT NULL,
            fit integer NOT NULL,
            engagement integer NOT NULL,
            letter text,
            number integer,
            grade text NOT NULL,
            thresholds jsonb,
            qualification text NOT NULL,
            judgement jsonb,
            reasons jsonb NOT NULL,
            scorecard_version integer NOT NULL,
            definition_version integer,
            override jsonb,
            PRIMARY KEY (lead_id, revision)
        );
        CREATE TABLE scoring.activities (
            lead_id uuid NOT NULL,
            id uuid NOT NULL,
            kind text NOT NULL,
            at timestamptz NOT NULL,
            source text,
            data jsonb NOT NULL,
            PRIMARY KEY (lead_id, id)
        );
    """)
    # What a rich lead is told by is a little more than a quarter of a page: it is not worth being compressed row by row.
    script("""
        ALTER TABLE scoring.leads SET (toast_tuple_target = 8160);
        ALTER TABLE scoring.outbox SET (toast_tuple_target = 8160);
    """)
    _documents()


def _documents() -> None:
    """What a card of the first kind said of qualification becomes the first definition, so that it means what it meant."""
    connection = op.get_bind()
    rows = connection.execute(text("SELECT version, document, state FROM scoring.scorecards ORDER BY version")).all()
    definition: dict[str, Any] = qualification.DEFAULT
    for version, document, state in rows:
        if "fit" in document:
            continue  # the default of an installation that begins today
        if state == "active":
            definition = definition_from_v1(document, FACTS)
        changed = text("UPDATE scoring.scorecards SET document = CAST(:document AS jsonb) WHERE version = :version")
        op.execute(changed.bindparams(document=to_json(from_v1(document, FACTS)), version=version))
    first = text(
        "INSERT INTO scoring.definitions (version, document, state, created_at, created_by, approvals) "
        "VALUES (1, CAST(:document AS jsonb), 'active', now(), 'handoff', "
        "jsonb_build_object('marketing', said, 'sales', said))".replace(
            "said", "jsonb_build_object('by', 'handoff', 'at', now())"
        )
    )
    op.execute(first.bindparams(document=to_json(definition)))
    script("""
        INSERT INTO scoring.activations (kind, version, activated_at, activated_by)
        SELECT 'scorecard', version, created_at, created_by FROM scoring.scorecards WHERE state = 'active';
        INSERT INTO scoring.activations (kind, version, activated_at, activated_by)
        SELECT 'definition', version, created_at, created_by FROM scoring.definitions WHERE state = 'active';
    """)
