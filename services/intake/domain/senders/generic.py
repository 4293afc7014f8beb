"""Zapier, Make, n8n and whatever can post JSON, a form or XML: the author's keys, with the source's mapping."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from services.intake.domain.senders.bodies import read_answers, read_xml
from services.intake.domain.senders.keys import KEY_HEADER, verify_key_if_any
from services.intake.domain.senders.reading import as_flag, as_id, read_json
from services.intake.domain.senders.shape import Connection, Delivery, Malformed, Notice, Sender, SentLead, Setting
from services.intake.domain.senders.tracking import TRACKING
from services.intake.domain.senders.xml_repair import decode_xml

MAX_LEADS = 100
ID_FIELD = Setting("id_field", "The path of the lead's own id, such as `entry.id`. The same id again is then the same lead.")
TEST_FIELD = Setting(
    "test_field", "The path of a field that is true, yes or 1 in test leads. These are kept apart and never routed."
)


def parse(delivery: Delivery, connection: Connection) -> list[Notice]:
    """One lead, or one for each object of an array. Raises Malformed."""
    records = _records(delivery)
    if not 0 < len(records) <= MAX_LEADS:
        raise Malformed(f"An array has from 1 to {MAX_LEADS} leads; this one has {len(records)}.")
    return [_lead(n, record, connection) for n, record in enumerate(records)]


def _records(delivery: Delivery) -> list[Any]:
    kind = delivery.content_type
    if kind in ("application/xml", "text/xml") or kind.endswith("+xml"):
        value = _object(read_xml(_without_declaration(decode_xml(delivery.body))))
        return [value if isinstance(value, dict) else {}]
    if delivery.body.lstrip()[:1] == b"[" and kind != "application/x-www-form-urlencoded":
        array = read_json(delivery.body)
        return array if isinstance(array, list) else [array]
    return [read_answers(delivery)]


def _lead(n: int, record: Any, connection: Connection) -> SentLead:
    if not isinstance(record, dict):
        raise Malformed(f"/{n}: a lead must be a JSON object.")
    if not record:
        raise Malformed(f"/{n}: the lead is empty.")
    answers = _nested(record)
    test = as_flag(_at(answers, connection.settings.get(TEST_FIELD.name)))
    return SentLead(answers, as_id(_at(answers, connection.settings.get(ID_FIELD.name))), test=test is True)


def _nested(record: dict[str, Any]) -> dict[str, Any]:
    """`contact__email` is how Zapier writes an `email` inside `contact`. Where that name is taken, the key stays as it is."""
    answers: dict[str, Any] = {}
    # Plain keys first, so that what is taken does not depend on the order.
    for key, value in sorted(record.items(), key=lambda item: "__" in item[0]):
        *outer, last = key.split("__", 8)
        place = _place(answers, outer) if outer and all((*outer, last)) else None
        if place is None or last in place:
            answers[key] = value
        else:
            place[last] = value
    return answers


def _place(answers: dict[str, Any], path: list[str]) -> dict[str, Any] | None:
    place = answers
    for name in path:
        inner = place.setdefault(name, {})
        if not isinstance(inner, dict):
            return None
        place = inner
    return place


def _at(answers: dict[str, Any], path: Any) -> Any:
    """What is at a dotted path; a key that has the dots itself counts too."""
    if not isinstance(path, str) or not path:
        return None
    if path in answers:
        return answers[path]
    value: Any = answers
    for name in path.replace("__", ".").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _object(element: Element) -> Any:
    """XML as JSON would say it: elements by name, a list where a name comes again, attributes beside them."""
    found: dict[str, Any] = dict(element.attrib)
    for child in element:
        value, name = _object(child), child.tag.rpartition("}")[2]
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    text = (element.text or "").strip()
    if not found:
        return text
    return {**found, **({"text": text} if text else {})}


def _without_declaration(text: str) -> str:
    # The text is decoded already, so that an encoding which it declares is no longer true.
    start = text.find("?>") + 2 if text.lstrip().startswith("<?xml") else 0
    return text[start:].lstrip("\ufeff \t\r\n")


SENDER: Sender = Sender(
    kind="generic",
    title="Zapier, Make, n8n or your own",
    help=(
        "Post JSON, a form or XML to the hook's address (in Zapier: Webhooks by Zapier, POST, JSON). Names such as email, phone, "
        "first_name, company and message are understood; map the others. An array of objects is several leads. With a secret, send it "
        "as the header X-API-Key."
    ),
    parse=parse,
    verify=verify_key_if_any,
    mapping=TRACKING,
    secret="Optional: a key that you send in the header X-API-Key.",
    settings=(KEY_HEADER, ID_FIELD, TEST_FIELD),
)
