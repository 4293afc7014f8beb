"""Typeform: the answers in one list and what they answer in another, joined by the field's id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from services.intake.domain.senders.reading import (
    as_id,
    as_moment,
    as_name,
    as_object,
    as_objects,
    as_text,
    filled,
    put,
    read_object,
)
from services.intake.domain.senders.replies import answer_nothing
from services.intake.domain.senders.shape import Connection, Consent, Delivery, Ignored, Malformed, Notice, Sender, SentLead
from services.intake.domain.senders.signing import PROFILES, verify_signature
from services.intake.domain.senders.tracking import TRACKING

# A `ref` that the form's author did not choose is a UUID or a ULID and tells nobody anything.
_GENERATED = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|0[0-9A-HJKMNP-TV-Z]{25}")
# Types of answer that say what they are, whatever the question is called.
ALIASES = {"email": "email", "phone_number": "phone_number"}


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """One lead. Raises Malformed."""
    body = read_object(delivery.body)
    if (event := as_name(body.get("event_type", "form_response"))) != "form_response":
        return [Ignored(f"the event {event}, which is no finished response")]
    response = body.get("form_response")
    if not isinstance(response, dict):
        raise Malformed("The body has no form_response.")
    submitted_at = as_moment(response.get("submitted_at"))
    answered = list(_answered(response))
    answers = {**_by_question(answered), **_beside(response)}
    return [
        SentLead(
            answers,
            as_id(response.get("token")),
            submitted_at=submitted_at,
            consents=tuple(_consents(answered, submitted_at)),
        )
    ]


def _answered(response: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each answer with its question, which is empty where the form's definition does not have it."""
    questions: dict[str, dict[str, Any]] = {}
    for question in _questions(as_object(response.get("definition"))):
        for key in (as_text(question.get("id")), as_text(question.get("ref"))):
            if key is not None:
                questions.setdefault(key, question)
    for answer in as_objects(response.get("answers")):
        field = as_object(answer.get("field"))
        known = questions.get(as_text(field.get("id")) or "") or questions.get(as_text(field.get("ref")) or "") or {}
        yield answer, {**known, **filled(field)}


def _questions(group: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The questions of a form or, in groups and contact blocks, of a question. As deep as JSON may be here."""
    for question in as_objects(group.get("fields")):
        yield question
        yield from _questions(as_object(question.get("properties")))


def _by_question(answered: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for answer, question in answered:
        value = _value(answer)
        put(answers, _key(question), value)
        for alias in (as_text(question.get("subfield_key")), ALIASES.get(as_text(answer.get("type")) or "")):
            if alias is not None and value is not None:
                plain.setdefault(alias, value)
    # Last, so that a question which the source maps by its own name comes first.
    return {**answers, **{alias: value for alias, value in plain.items() if alias not in answers}}


def _key(question: dict[str, Any]) -> str:
    """The `ref` where the author chose one, since it outlives a change of the wording; else the wording."""
    ref, title = as_text(question.get("ref")), as_text(question.get("title"))
    if ref is not None and (title is None or not _GENERATED.fullmatch(ref)):
        return ref
    return title or as_text(question.get("id")) or "unnamed"


def _value(answer: dict[str, Any]) -> Any:
    """What was answered. An answer's type is also the name under which its value is."""
    kind = as_text(answer.get("type")) or ""
    value = answer.get(kind)
    if not isinstance(value, dict):
        return value
    if kind == "choice":
        return value.get("label") or value.get("other")
    if kind == "choices":
        labels = value.get("labels")
        return [*(labels if isinstance(labels, list) else []), *filled({"other": value.get("other")}).values()]
    return filled(value)  # payment, signature, multi_format: each has parts of its own


def _beside(response: dict[str, Any]) -> dict[str, Any]:
    """What comes with the answers: hidden fields, the score, variables, which ending was shown."""
    variables: dict[str, Any] = {}
    for variable in as_objects(response.get("variables")):
        if key := as_text(variable.get("key")):
            put(variables, key, variable.get(as_text(variable.get("type")) or ""))
    definition, ending = as_object(response.get("definition")), as_object(response.get("ending"))
    return filled(
        {
            "hidden": filled(as_object(response.get("hidden"))),
            "calculated": filled(as_object(response.get("calculated"))),
            "variables": variables,
            "typeform": filled(
                {
                    "form_id": as_text(response.get("form_id")),
                    "form": as_text(definition.get("title")),
                    "landed_at": as_text(response.get("landed_at")),
                    "ending": as_text(ending.get("ref")) or as_text(ending.get("id")),
                }
            ),
        }
    )


def _consents(answered: list[tuple[dict[str, Any], dict[str, Any]]], at: datetime | None) -> Iterator[Consent]:
    """Questions of type `legal`: accepted or not, in the words of the question."""
    for answer, question in answered:
        if question.get("type") == "legal" and isinstance(granted := answer.get("boolean"), bool):
            yield Consent(_key(question)[:100], granted, as_text(question.get("title")), at)


SENDER: Sender = Sender(
    kind="typeform",
    title="Typeform",
    help="In the form, Connect, Webhooks: add this hook's address, set a secret, and switch it on.",
    parse=parse,
    verify=partial(verify_signature, PROFILES["typeform"]),
    mapping={
        "email": "email",
        "phone_number": "phone",
        "first_name": "first_name",
        "last_name": "last_name",
        "company": "company",
        "address": "street",
        "city": "city",
        "state": "region",
        "zip_code": "postcode",
        "country": "country",
        "typeform.form_id": "form_id",
        **{f"hidden.{name}": field for name, field in TRACKING.items()},
    },
    secret="The webhook's secret: in the form, Connect, Webhooks, Edit.",
    acknowledge=answer_nothing,
)
