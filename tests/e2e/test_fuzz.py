"""Whatever comes through the public doors, no answer says that it is our fault."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.domain import CONTACT_FIELDS, FACT_FIELDS
from tests.support.refusals import (
    Running,
    dumped,
    not_a_problem,
)

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(st.characters() | st.sampled_from("\0\ud800\udfff\ufeff\u202e"), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)
NAMES = st.sampled_from(["source", "custom", "leads", "status", "at", "note", "value", "currency", *CONTACT_FIELDS, *FACT_FIELDS])
LEADS = st.dictionaries(NAMES | TEXT, VALUES, max_size=8).map(lambda made: {"source": "website", "email": "a@b.example", **made})
BODIES = (VALUES | LEADS | st.lists(LEADS, max_size=3).map(lambda made: {"leads": made})).map(dumped) | st.binary(max_size=200)


@FUZZ
@given(body=BODIES, kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded"]))
async def test_no_body_is_our_fault(world: Running, body: bytes, kind: str) -> None:
    for path in ("/v1/leads", world.hook, f"/v1/leads/{world.lead}/status"):
        answer = await world.client.post(path, content=body, headers={"Content-Type": kind})
        assert answer.status_code < 500, f"{path} {body!r}: {answer.text}"
        assert answer.is_success or not_a_problem(answer) is None
