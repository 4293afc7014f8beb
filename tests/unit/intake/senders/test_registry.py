"""What holds for every sender: no bytes crash it, none takes long, and its mapping leads to fields that there are."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.mapping import NORMAL_FIELDS
from services.intake.domain.senders import registry
from services.intake.domain.senders.registry import SENDERS
from services.intake.domain.senders.shape import Forged, Malformed, Reply, Result, Sender, Status
from services.intake.domain.senders.sns import NeedsCertificate
from tests.unit.intake.senders.posted import BOUNDED
from tests.unit.intake.senders.signed import connection, delivery

KINDS = sorted(SENDERS)
TYPES = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "text/plain; charset=UTF-8",
    "message/rfc822",
    "",
]
SIZE = 128 * 1024
# Bodies that a careless parser takes quadratic time for, or no end of memory.
HOSTILE = {
    "brackets": b"[" * SIZE,
    "nested objects": b'{"data":' * (SIZE // 8),
    "many names": b"{" + b",".join(b'"n%d":1' % n for n in range(SIZE // 12)) + b"}",
    "one long text": b'{"data":"' + b"<" * SIZE + b'"}',
    "one long number": b'{"id":' + b"9" * SIZE + b"}",
    "many entries": b'{"entry":[' + b",".join([b'{"id":1,"changes":[{}]}'] * (SIZE // 24)) + b"]}",
    "many columns": b'{"user_column_data":[' + b",".join([b'{"column_id":"Q","string_value":1}'] * (SIZE // 36)) + b"]}",
    "many events": b"[" + b",".join([b'{"objectId":1}'] * (SIZE // 15)) + b"]",
    "ampersands": b"&" * SIZE,
    "equals": b"=&" * (SIZE // 2),
    "blanks": b" " * SIZE,
    "lines": b"a: b\r\n" * (SIZE // 6),
    "entities": b'<!DOCTYPE x [<!ENTITY a "&b;&b;">]><adf>' + b"&a;" * (SIZE // 3) + b"</adf>",
    "open tags": b"<adf>" * (SIZE // 5),
    "dashes": b"--x\r\n" * (SIZE // 5),
    "nothing": b"\0" * SIZE,
}


def test_kinds_are_distinct_and_none_is_forgotten() -> None:
    assert len(SENDERS) == len(registry._ALL)
    assert {"generic", "html_form", "meta", "zillow_premier_agent", "zillow_rentals", "adf", "inbound_email"} <= set(SENDERS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sender_describes_itself(kind: str) -> None:
    sender = SENDERS[kind]
    assert sender.kind == kind
    assert sender.title
    assert sender.help
    assert all(setting.kind in ("text", "integer", "boolean", "list") and setting.help for setting in sender.settings)
    names = [setting.name for setting in sender.settings]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_mapping_leads_to_fields_that_there_are(kind: str) -> None:
    unknown = set(SENDERS[kind].mapping.values()) - NORMAL_FIELDS
    assert not unknown


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", list(Status))
def test_every_outcome_has_an_answer(kind: str, status: Status) -> None:
    acknowledge = SENDERS[kind].acknowledge
    if acknowledge is None:
        return
    for results in ([], [Result(status)], [Result(status, detail="x"), Result(Status.ACCEPTED)]):
        reply = acknowledge(results, delivery(b""), connection())
        assert isinstance(reply, Reply)
        assert 200 <= reply.status < 500


def read(sender: Sender, body: bytes, content_type: str, **settings: Any) -> None:
    sent = delivery(body, {"content-type": content_type})
    with suppress(Forged, NeedsCertificate):
        sender.verify(sent, connection(**settings))
    with suppress(Malformed):
        sender.parse(sent, connection(**settings))


@given(kind=st.sampled_from(KINDS), body=st.binary(max_size=200), content_type=st.sampled_from(TYPES))
@settings(max_examples=300, deadline=None)
def test_no_bytes_crash_a_sender(kind: str, body: bytes, content_type: str) -> None:
    read(SENDERS[kind], body, content_type)


@given(
    kind=st.sampled_from(KINDS),
    text=st.text('{}[]":,<>&=;%+@-\r\n \0abc1éentry', max_size=80),
    content_type=st.sampled_from(TYPES),
)
@settings(max_examples=300, deadline=None)
def test_no_text_crashes_a_sender(kind: str, text: str, content_type: str) -> None:
    read(SENDERS[kind], text.encode(), content_type)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_body_of_the_largest_size_takes_long(hostile: str) -> None:
    for kind in KINDS:
        for content_type in TYPES:
            started = time.process_time()
            read(SENDERS[kind], HOSTILE[hostile], content_type)
            assert time.process_time() - started < BOUNDED, f"{kind} as {content_type or 'nothing'}"
