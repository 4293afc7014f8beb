"""The checks that fault tests end with find what is planted: a check that cannot fail would prove nothing."""

from __future__ import annotations

from uuid import UUID, uuid4

import asyncpg
import httpx

from tests.support import checks
from tests.support.decisions import decision_faults
from tests.support.installation import Installation
from tests.support.market import lead, make_market
from tests.support.waiting import eventually
from tests.support.world import connected

LEADS = 24
EASTERN = "(SELECT agent_id::text FROM router.assignments WHERE pool = 'east' ORDER BY id LIMIT 1)"


def opened_with(value: str, *path: str) -> str:
    """As if the group had opened with something else known of an agent who received in it, so that what it received was not right."""
    place = ", ".join(f"'{name}'" for name in path)
    escaped = value.replace("{", "{{").replace("}", "}}")
    return f"UPDATE router.groups SET snapshot = jsonb_set(snapshot, ARRAY['agents', {EASTERN}, {place}], '{escaped}')"


FORCED = "UPDATE router.ledger SET data = data::jsonb || '{{\"forced\": true}}' WHERE kind = 'assigned'"
PAUSED = opened_with('{"until": null, "reason": ""}', "pause")
FAULTS = [
    (opened_with("false", "settings", "active"), "is not active and received another"),
    (PAUSED, "pauses and received another"),
    (
        opened_with(
            '[{"id": "00000000-0000-0000-0000-000000000001", "starts": "2000-01-01T00:00:00+00:00", "ends": "2999-01-01T00:00:00+00:00"}]',
            "leaves",
        ),
        "is on leave and received another",
    ),
    (opened_with("true", "settings", "needs_presence"), "has not said to be online and received another"),
    (opened_with("{}", "settings", "hours"), "does not work then and received another"),
    *(
        (opened_with(f'{{"{period}": 1}}', "settings", "caps"), "had 1 of 1 leads in")
        for period in ("hour", "day", "week", "month")
    ),
    (f"{FORCED}; {opened_with('false', 'settings', 'active')}", "is not active and received another"),
    (
        "UPDATE router.ledger SET data = data::jsonb || '{{\"period\": \"2026-01-01\"}}' WHERE kind = 'assigned'",
        "and not 2026-01-01",
    ),
    ("DELETE FROM router.decisions WHERE lead_id = '{lead}'", "has no decision"),
    ("UPDATE router.decisions SET why = '' WHERE lead_id = '{lead}'", "is not explained"),
    ("UPDATE router.decisions SET agent_id = gen_random_uuid() WHERE lead_id = '{lead}'", "is not as it was decided"),
    (
        "UPDATE router.decisions SET counters = jsonb_set(counters::jsonb, ARRAY['open', '0'], '9') WHERE lead_id = '{lead}'",
        "otherwise",
    ),
    ("UPDATE router.decisions SET number = number + 1000 WHERE lead_id = '{lead}'", "name ledger number"),
    (
        "INSERT INTO router.snapshots SELECT id, 2, jsonb_set(snapshot, ARRAY['number'], '2') FROM router.groups "
        "WHERE last_number > 2",
        "is not the fold of its ledger",
    ),
    ("DELETE FROM scoring.leads WHERE lead_id = '{lead}'", "scoring lacks 1 leads"),
    ("DELETE FROM tracker.leads WHERE lead_id = '{lead}'", "tracker lacks 1 leads"),
    ("DELETE FROM intake.deliveries; DELETE FROM intake.leads WHERE id = '{lead}'", "that intake does not know"),
    ("DELETE FROM tracker.timeline WHERE lead_id = '{lead}' AND service = 'scoring'", "what scoring said"),
    ("UPDATE tracker.timeline SET sequence = 5 WHERE lead_id = '{lead}' AND service = 'router' AND sequence = 1", "what router"),
    ("DELETE FROM router.assignments WHERE lead_id = '{lead}'", "with 0 assignments"),
    ("UPDATE router.assignments SET closed_at = now() WHERE lead_id = '{lead}'", "0 open"),
    ("UPDATE tracker.leads SET agent_id = gen_random_uuid() WHERE lead_id = '{lead}'", "another owner"),
    ("UPDATE router.leads SET merged_into = gen_random_uuid() WHERE lead_id = '{lead}'", "merged into None by the tracker"),
    ("UPDATE router.leads SET erased_at = now() WHERE lead_id = '{lead}'", "its tombstone says otherwise"),
    ("UPDATE scoring.leads SET erased_at = now() WHERE lead_id = '{lead}'", "disagree on 1 erased leads"),
    ("UPDATE tracker.leads SET erased_at = now() WHERE lead_id = '{lead}'", "what intake said is not"),
    ("DELETE FROM router.queue WHERE lead_id = (SELECT min(lead_id::text)::uuid FROM router.queue)", "queue None"),
    ("UPDATE router.queue SET pool = 'fair'", "somebody can receive"),
    ("UPDATE router.queue SET pool = 'gone'", "not in the policy"),
    ("UPDATE router.groups SET queue_due_at = NULL", "no timer is set"),
    ("DELETE FROM router.ledger WHERE number = 3", "without gaps"),
    ("UPDATE router.ledger SET at = at - interval '1 day' WHERE number = 4", "time goes back"),
    (
        "UPDATE router.groups SET snapshot = jsonb_set(snapshot, ARRAY['agents', (SELECT agent_id::text FROM router.assignments "
        "WHERE pool = 'east' LIMIT 1), 'settings', 'caps', 'open'], '1')",
        "and received another",
    ),
    (
        "UPDATE router.ledger SET agent_id = (SELECT agent_id FROM router.ledger WHERE pool = 'fair' ORDER BY number LIMIT 1) "
        "WHERE pool = 'fair' AND kind = 'assigned'",
        "turns",
    ),
    ("INSERT INTO scoring.outbox (topic, key, headers, value) VALUES ('leads.scored', '', '', '')", "in its outbox"),
    ("INSERT INTO router.inbox VALUES (gen_random_uuid())", "router claimed"),
    ("DELETE FROM scoring.inbox WHERE event_id = (SELECT min(event_id::text)::uuid FROM scoring.inbox)", "scoring claimed"),
    ("DELETE FROM bus.log WHERE topic = 'leads.scored' AND key = '{lead}'", "leads.scored does not hold"),
]


async def trade(client: httpx.AsyncClient, dsn: str) -> list[UUID]:
    """Leads in every state, drained; their ids."""
    await make_market(client, client, open_cap=2)
    answers = [await client.post("/v1/leads", json=lead(n)) for n in range(LEADS)]
    ids = [UUID(answer.json()["lead_id"]) for answer in answers]
    await eventually(lambda: checks.settled(dsn))
    for one in ids[::4]:
        assert (await client.post(f"/v1/leads/{one}/status", json={"status": "won"})).status_code == 200
    await eventually(lambda: checks.settled(dsn))
    return ids


async def found(connection: asyncpg.Connection, accepted: list[UUID]) -> list[str]:
    published = await checks.published_on_postgres(connection)
    wrong = await checks.violations(connection, accepted=accepted, published=published)
    return [*wrong, *await decision_faults(connection)]


async def test_what_is_planted_is_found_and_nothing_else(installation: Installation) -> None:
    async with installation.running() as client:
        accepted = await trade(client, installation.admin_dsn)
    async with connected(installation.admin_dsn) as connection:
        assert await found(connection, accepted) == []
        assert any("not stored" in one for one in await found(connection, [*accepted, uuid4()]))
        assert any("same lead" in one for one in await found(connection, [*accepted, accepted[0]]))
        await connection.execute("SET session_replication_role = replica")  # no foreign keys while a fault is planted
        for fault, named in FAULTS:
            violations = await with_fault(connection, accepted, fault.format(lead=accepted[1]))
            assert any(named in one for one in violations), f"{fault}: {violations}"
        assert not any("pauses" in one for one in await with_fault(connection, accepted, f"{FORCED}; {PAUSED}".format()))
        assert await found(connection, accepted) == []


async def with_fault(connection: asyncpg.Connection, accepted: list[UUID], fault: str) -> list[str]:
    """What is found with a fault planted, which is taken back."""
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(fault)
    violations = await found(connection, accepted)
    await transaction.rollback()
    return violations
