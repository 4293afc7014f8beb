"""The contracts against their golden examples, and against their published selves."""

from __future__ import annotations

import json
import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, cast
from uuid import UUID

import msgspec
import pytest

from shared.clock import SystemClock
from shared.contracts.envelope import (
    MAX_EVENT_BYTES,
    Cause,
    Message,
    Received,
    Unreadable,
    pack,
    pack_headers,
    unpack,
    unpack_headers,
)
from shared.contracts.events import PUBLISHED, REGISTRY, Contact, Event, LeadScored, Reason, type_name
from shared.errors import Permanent
from tests.contract.schemas import EXAMPLES, folder_of, incompatible, schema_of
from tests.support.events import AT, CAUSE, ids, lead_received

GOLDEN = sorted(path for path in EXAMPLES.glob("*/v*/*.json") if path.name != "schema.json")


def example_id(path: Path) -> str:
    return "/".join(path.relative_to(EXAMPLES).with_suffix("").parts)


def load(path: Path) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(path.read_text()))


def read(example: dict[str, Any], **headers: str) -> Message[Event]:
    value = json.dumps(example["data"]).encode()
    return unpack(Received("a.topic", 0, 0, example["key"].encode(), {**example["headers"], **headers}, value))


def golden(kind: type[Event], name: str) -> dict[str, Any]:
    return load(folder_of(kind) / f"{name}.json")


# -- Golden examples -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", GOLDEN, ids=example_id)
def test_an_example_is_read_and_written_again_without_loss(path: Path) -> None:
    example = load(path)
    message = read(example)
    assert type_name(type(message.data)) == example["headers"]["ce_type"]
    assert path.parent == folder_of(type(message.data))
    again = pack(
        message.data,
        topic=message.topic,
        source=message.source,
        id=message.id,
        time=message.time,
        sequence=message.sequence,
        cause=Cause(message.causation, message.traceparent),
    )
    assert json.loads(again.value) == example["data"]
    assert unpack_headers(again.headers) == example["headers"]
    assert again.key.decode() == example["key"] == example["data"]["lead_id"]


@pytest.mark.parametrize("kind", PUBLISHED)
def test_each_event_has_a_full_and_a_minimal_example(kind: type[Event]) -> None:
    schema = schema_of(kind)
    # What was added since an example was published is in a later one: full-2, full-3.
    newest = max(folder_of(kind).glob("full*.json"), key=lambda path: path.stem)
    full, minimal = load(newest)["data"], golden(kind, "minimal")["data"]
    assert set(full) == set(schema["properties"])
    assert set(minimal) == set(schema["required"])
    for name, inner in schema["properties"].items():
        if "properties" in inner:
            assert set(full[name]) == set(inner["properties"])


def test_there_is_no_example_of_what_is_not_published() -> None:
    assert {(path.parents[1].name, path.parent.name) for path in EXAMPLES.glob("*/v*/*.json")} == {
        (kind.__name__, f"v{kind.VERSION}") for kind in PUBLISHED
    }
    assert {type_name(kind): kind for kind in PUBLISHED} == REGISTRY


# -- Tolerance -----------------------------------------------------------------------------------------------------------------


def marked(value: Any) -> Any:
    """The same data with an unknown field in each struct, as a newer program may send it."""
    return {**value, "added_later": {"any": ["thing", 1, None]}} if isinstance(value, dict) else value


@pytest.mark.parametrize("kind", PUBLISHED)
def test_unknown_fields_are_no_error(kind: type[Event]) -> None:
    example = golden(kind, "full")
    newer = {**example, "data": marked(example["data"])}
    if "contact" in newer["data"]:
        newer["data"]["contact"] = marked(newer["data"]["contact"])
    for name in ("reasons", "consents", "evidence"):
        if name in newer["data"]:
            newer["data"][name] = [marked(one) for one in newer["data"][name]]
    assert read(newer, ce_partitionkey="x", ce_addedlater="y") == read(example)


CLOSED_LISTS = [
    ("LeadTouched", "kind"),
    ("ActivityRecorded", "kind"),
    ("LeadErased", "reason"),
    ("LeadScored", "grade"),
    ("LeadScored", "qualification"),
    ("LeadAssigned", "grade"),
    ("LeadRejected", "code"),
    ("AssignmentEnded", "reason"),
    ("AssignmentEnded", "outcome"),
    ("SlaWarned", "clock"),
    ("SlaWarned", "step"),
    ("SlaBreached", "clock"),
    ("SlaBreached", "step"),
    ("SlaBreached", "instead"),
    ("StageChanged", "stage"),
    ("StageChanged", "reason"),
]


@pytest.mark.parametrize(("name", "field"), CLOSED_LISTS)
def test_an_unknown_value_of_a_closed_list_is_kept(name: str, field: str) -> None:
    example = golden(REGISTRY[f"handoff.{name}.v1"], "full")
    example["data"][field] = "invented-tomorrow"
    assert getattr(read(example).data, field) == "invented-tomorrow"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"ce_type": "handoff.LeadScored.v2"}, "unknown version of a known type: handoff.LeadScored.v2"),
        ({"ce_type": "handoff.LeadForgotten.v1"}, "unknown type: handoff.LeadForgotten.v1"),
        ({"ce_type": ""}, "unknown type: "),
        ({"ce_id": "17"}, "Invalid UUID"),
        ({"ce_time": "2026-03-02T09:00:00"}, "timezone"),
        ({"ce_time": "yesterday"}, "Invalid RFC3339"),
        ({"ce_sequence": "0"}, "ce_sequence must be 1 or more"),
        ({"ce_sequence": "first"}, "invalid literal"),
    ],
)
def test_what_cannot_be_understood_is_unreadable_and_says_why(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(golden(LeadScored, "full"), **headers)


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_type", "ce_time", "ce_sequence"])
def test_a_missing_attribute_is_named(name: str) -> None:
    example = golden(LeadScored, "full")
    del example["headers"][name]
    with pytest.raises(Unreadable, match=name):
        read(example)


def test_the_key_must_be_the_leads_id() -> None:
    example = golden(LeadScored, "minimal")
    with pytest.raises(Unreadable, match="the key is not the lead's id"):
        read({**example, "key": str(ids.uuid7())})


# -- What goes out -------------------------------------------------------------------------------------------------------------


def test_ids_of_one_process_differ_and_keep_their_order() -> None:
    clock = SystemClock()
    made = [clock.uuid7() for _ in range(20_000)]
    assert all(one < other for one, other in pairwise(made))
    assert {id.version for id in made} == {7}


def emitted(event: Event, id: UUID | None = None) -> bytes:
    return pack(event, topic="t", source="/handoff/x", id=id or ids.uuid7(), time=AT, sequence=1, cause=CAUSE).value


def test_an_event_over_256_kib_is_refused() -> None:
    empty = len(emitted(lead_received(filler="")))
    at_the_limit = emitted(lead_received(filler="x" * (MAX_EVENT_BYTES - empty)))
    assert len(at_the_limit) == MAX_EVENT_BYTES == 256 * 1024
    with pytest.raises(Permanent, match=r"LeadReceived of lead .* has 262145 bytes; 262144 is the limit"):
        emitted(lead_received(filler="x" * (MAX_EVENT_BYTES - empty + 1)))


def test_headers_survive_packing() -> None:
    headers = {"ce_id": "1", "traceparent": "", "x-ünïcode": "\0 and “quotes”"}
    assert unpack_headers(pack_headers(headers)) == headers


# -- A published version is only added to --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PUBLISHED)
def test_a_published_version_is_not_broken(kind: type[Event]) -> None:
    published = load(folder_of(kind) / "schema.json")
    faults = incompatible(published, schema_of(kind))
    assert not faults, f"{type_name(kind)} is published: {'; '.join(faults)}. Publish a new version instead: raise VERSION."
    assert published == schema_of(kind), "record what was added: python -m tests.contract.schemas"


class Told(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A published event, to plant changes against."""

    at: datetime
    name: str
    grade: str = "D"
    who: Contact
    reasons: list[Reason] = []  # noqa: RUF012 - msgspec copies it
    value: float | None = None


def planted(*, without: str = "", **changes: tuple[Any, ...]) -> dict[str, Any]:
    """The schema of Told with fields changed, added or left out: a field's type, and its default where it has one."""
    hints = {f.name: (f.type,) if f.required else (f.type, _default(f)) for f in msgspec.structs.fields(Told)}
    fields = {name: spec for name, spec in {**hints, **changes}.items() if name != without}
    struct = msgspec.defstruct("Told", [(name, *spec) for name, spec in fields.items()], kw_only=True, omit_defaults=True)
    return schema_of(struct)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return [] if field.default_factory is list else field.default


ContactWithoutName = msgspec.defstruct(
    "Contact", [(f.name, f.type, None) for f in msgspec.structs.fields(Contact) if f.name not in ("name", "extra")]
)

BREAKING: dict[str, tuple[dict[str, Any], str]] = {
    "removed": ({"without": "value"}, "value was removed or renamed"),
    "renamed": ({"without": "name", "full_name": (str, "")}, "name was removed or renamed"),
    "narrowed": ({"value": (int | None, None)}, "value was .*number.* and is .*integer"),
    "no longer nullable": ({"value": (float, 0.0)}, "value was .*null.* and is"),
    "a closed list": ({"grade": (Literal["A", "D"], "D")}, "grade was .* and is .*enum"),
    "another format": ({"lead_id": (str,)}, "lead_id was .*uuid.* and is"),
    "text instead of a moment": ({"at": (str,)}, "at was .*date-time.* and is"),
    "widened": ({"name": (str | None,)}, "name was .* and is .*null"),
    "another default": ({"grade": (str, "E")}, 'grade was .*"D".* and is .*"E"'),
    "newly required": ({"grade": (str,)}, "grade is newly required: give it a default"),
    "a new required field": ({"currency": (str,)}, "currency is newly required: give it a default"),
    "no longer required": ({"name": (str, "")}, "name was required and is optional now"),
    "other items": ({"reasons": (list[str], [])}, r"reasons\[\] was .* and is"),
    "within a block": ({"who": (ContactWithoutName,)}, r"who\.name was removed or renamed"),
}


@pytest.mark.parametrize("change", BREAKING)
def test_a_breaking_change_is_seen(change: str) -> None:
    changes, fault = BREAKING[change]
    faults = incompatible(schema_of(Told), planted(**changes))
    assert faults
    assert any(re.search(fault, each) for each in faults), faults


def test_an_added_optional_field_breaks_nothing() -> None:
    published = schema_of(Told)
    assert incompatible(published, planted()) == []
    assert incompatible(published, planted(added=(str | None, None), counts=(dict[str, int], {}))) == []
    assert planted(added=(str | None, None)) != published
